/**
 * mremap against a fault: one thread moves a VMA of two pages, of which one was never touched, while another one writes to
 * the untouched page at its old address.
 *
 *   fault:  mmap_lock read ─▶ VMA ─▶ page ─▶ entry
 *   mremap: mmap_lock write ─▶ copy of the VMA ─▶ entries move ─▶ the old VMA goes
 *
 * Either the write comes first, and the page moves too, or it finds no VMA any more.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { FAULT_WRITE, handleMmFault, userRead, userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { MREMAP_FIXED, MREMAP_MAYMOVE, sysMremap } from "../mremap.ts";
import { lruAddDrain } from "../swap.ts";
import { vmaLookup } from "../vma.ts";
import { A, smallKernel } from "../world/small.ts";

const TO = A + 4;

interface Shared {
  /** Which of the two pages the process has touched before, and which one it writes to. */
  readonly touched: number;
  readonly written: number;
}

function* main(k: Kernel, p: Process, touched: number, written: number, locked: boolean): Task {
  yield* sysMmap(k, p, A, 2, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A + touched, 1);
  yield* lruAddDrain(k);
  const a = spawn(mover, k, p);
  const b = locked ? spawn(writer, k, p, written) : spawn(careless, k, p, written);
  yield* join(a);
  yield* join(b);
  if (touched !== written) {
    const kept = yield* userRead(k, p, TO + touched);
    must(kept === 1, "assertion", `a page was moved with content 1, and has ${kept}`);
  }
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* mover(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  yield* sysMremap(k, p, A, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, TO);
}

/** What was written without an error is at the new address, as soon as there is one. */
function* writer(k: Kernel, p: Process, at: number): Task {
  yield* choose(1);
  const error = yield* userWrite(k, p, A + at, 2);
  const seen = yield* userRead(k, p, TO + at);
  // A negative number: not moved yet.
  must(error !== 0 || seen === 2 || seen < 0, "assertion", `2 was written before the move, and ${seen} is there`);
}

/** Nothing keeps the VMA in place. */
function* careless(k: Kernel, p: Process, at: number): Task {
  yield* choose(1);
  const vma = vmaLookup(p.mm as Mm, A + at);
  if (vma) yield* handleMmFault(k, vma, A + at, FAULT_WRITE);
}

export const mremapFault = defineCase<Shared & { readonly locked?: boolean }>({
  id: "mm-mremap-fault",
  title: "mremap against a fault at the old address",
  variants: {
    "linux-6.1-untouched": { touched: 0, written: 1, expect: "ok" },
    "linux-6.1-touched": { touched: 0, written: 0, expect: "ok" },
    "fault-without-mmap-lock": { touched: 0, written: 1, locked: false, expect: "data-race" },
  },
  setup(m, v) {
    const k = smallKernel(m, { tables: 12 });
    m.spawn("main", main, [k, createProcess(k), v.touched, v.written, v.locked ?? true], { children: 2 });
  },
});
