/**
 * Charges of a memory cgroup against what gives them back: a fault that finds the limit reached and reclaims, against a
 * process of the same cgroup that exits, and against faults of others; and a stock that is drained while it is used.
 *
 *   charge: stock? ─▶ counters from below to the root, 64 pages, then 1 ─over─▶ back ─▶ reclaim ─▶ stocks drained ─▶ again
 *   page freed: the counters of whoever was charged                      slot freed: the same for swap
 *
 * Nothing is left when a counter has no more than what the stock of the CPU, and that of bytes for structs, has ahead of use;
 * both are drained at the end, and then it is 0. (A process that has paid for its structs leaves a whole page in the latter.)
 *
 * Some page on a list must always be left to reclaim: a cgroup whose only pages are isolated by others, in batches or under
 * writeback runs through its retries and kills, as small ones do.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { drainAllStock } from "../memcgStock.ts";
import { joinMemcg } from "../memcontrol.ts";
import { NO_LIMIT } from "../memcontrolTypes.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { type Guard, type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { coldPage, leave, swapKernel } from "../world/reclaim.ts";
import { A } from "../world/small.ts";

/** The limit is the parent's; the processes are in its children. */
const PARENT = 1;
const CHILD = 2;
const SIBLING = 3;

const ALONE = 0;
const EXITS = 1;
const FAULTS = 2;
/** Its own page is in a batch, where reclaim does not find it: what can be had is the stock. */
const FAULTS_AGAIN = 3;

const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_FIXED | MAP_ANONYMOUS;

function* main(k: Kernel, p: Process, q: Process, other: number, joins: boolean): Task {
  if (joins) joinMemcg(p, CHILD);
  if (other === FAULTS_AGAIN) {
    yield* sysMmap(k, p, A, 1, RW, ANON, null, 0);
    yield* userWrite(k, p, A, 1);
  } else {
    yield* coldPage(k, p);
  }
  yield* sysMmap(k, p, A + 2, 1, RW, ANON, null, 0);
  yield* sysMmap(k, q, A, 1, RW, ANON, null, 0);
  if (other === EXITS) yield* userWrite(k, q, A, 3);
  const a = spawn(faulter, k, p, A + 2, 2);
  const b = other === ALONE ? null : other === EXITS ? spawn(leaver, k, q) : spawn(faulter, k, q, A, 3);
  yield* join(a);
  if (b !== null) yield* join(b);
  yield* lruAddDrain(k);
  const first = yield* userRead(k, p, A);
  must(first === 1, "lost-write", `1 was written, and ${first} is read`);
  yield* lruAddDrain(k);
  const second = yield* userRead(k, p, A + 2);
  must(second === 2, "lost-write", `2 was written, and ${second} is read`);
  if (other !== EXITS) yield* sysExit(k, q);
  yield* leave(k, p);
  yield* drainAllStock(k, PARENT);
}

function* faulter(k: Kernel, p: Process, at: number, content: number): Task {
  yield* choose(1); // anybody may begin
  const error = yield* userWrite(k, p, at, content);
  must(error === 0, "assertion", `the fault fails with ${error}, and a page could have been reclaimed`);
}

function* leaver(k: Kernel, q: Process): Task {
  yield* choose(1);
  yield* sysExit(k, q);
}

function nothingCharged(k: Kernel): string | true {
  const { usage, swap } = k.memcgs;
  for (let memcg = PARENT; memcg <= SIBLING; memcg++) {
    if (usage[memcg] === 0 && swap[memcg] === 0) continue;
    return `cgroup ${memcg} ends with ${usage[memcg]} pages and ${swap[memcg]} slots`;
  }
  return true;
}

interface Parameters {
  readonly inForce: Rules;
  readonly other: number;
  /** Pages that the parent may use, and each of its children. */
  readonly max: number;
  readonly own: readonly [number, number];
  /** Does the task pay for page tables and structs too? */
  readonly joins: boolean;
}
const without = (guard: Guard): Rules => rules("linux-6.1", { without: [guard] });
/** No batch fits: nobody else sees one that is tried. */
const NO_BATCH = 63;
const base: Parameters = {
  inForce: rules("linux-6.1"),
  other: EXITS,
  max: 2,
  own: [NO_BATCH, NO_BATCH],
  joins: false,
};
const stock: Parameters = { ...base, other: FAULTS_AGAIN, max: 64, own: [64, NO_BATCH] };

export const memcgCharge = defineCase<Parameters>({
  id: "mm-memcg-charge",
  title: "charges of a memory cgroup against uncharges",
  variants: {
    "linux-6.1-exit": { ...base, expect: "ok" },
    "linux-6.1-fault": { ...base, other: FAULTS, expect: "ok" },
    "linux-6.1-stock": { ...stock, expect: "ok" },
    "linux-6.1-structs": { ...base, joins: true, max: NO_LIMIT, own: [NO_LIMIT, NO_LIMIT], expect: "ok" },
    // 64 pages are tried, and are on their way back, while somebody who wants one runs through all his retries.
    "batch-of-another": { ...stock, own: [NO_LIMIT, NO_BATCH], expect: "assertion" },
    "without-undo": { ...base, other: ALONE, max: 1, inForce: without("chargeUndo"), expect: "leak" },
    "stock-drained-while-used": { ...stock, inForce: without("stockPreemptOff"), expect: "assertion" },
  },
  setup(m, v) {
    const k = swapKernel(m, {
      rules: v.inForce,
      swapPages: 4,
      tables: 10,
      memcgs: [{ max: v.max }, ...v.own.map((max) => ({ parent: PARENT, max }))],
      reclaimers: 3,
      reclaimRetries: 3,
    });
    const p = createProcess(k);
    const q = createProcess(k);
    (p.mm as Mm).memcg = CHILD;
    (q.mm as Mm).memcg = v.other === EXITS ? CHILD : SIBLING;
    m.invariant("nobody is killed", () => !p.killed && !q.killed);
    m.atEnd("memory cgroup", () => nothingCharged(k));
    m.spawn("main", main, [k, p, q, v.other, v.joins], { children: 2 });
  },
});
