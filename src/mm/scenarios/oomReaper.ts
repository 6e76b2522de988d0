/**
 * The OOM killer and its reaper against a victim that faults, unmaps and exits: whoever comes first, private memory goes
 * once, no zeroes come back in its place, and the mm outlives the reaper.
 *
 *   killer:  oom_lock ─▶ SIGKILL ─▶ queue          reaper: mmap_lock free? ─▶ non-blockable start ─▶ pages ─▶ MMF_OOM_SKIP
 *   victim:  stores ─▶ (munmap) ─▶ sees the signal ─▶ exit_mmap
 */
import type { Handle, Task } from "../../machine/core.ts";
import { EAGAIN } from "../../machine/errno.ts";
import { must } from "../../machine/finding.ts";
import { GFP_KERNEL } from "../../machine/gfp.ts";
import { lock, type Mutex, mutexField, trylock, unlock } from "../../machine/mutex.ts";
import { defineCase } from "../../machine/scenario.ts";
import { bool, struct } from "../../machine/struct.ts";
import { choose, join, spawn, until } from "../../machine/wait.ts";
import { becomeProcess } from "../current.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysMmap, sysMunmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import {
  createNotifier,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierRegister,
  mmuNotifierUnregister,
  rangeBlockable,
} from "../mmuNotifier.ts";
import { outOfMemory } from "../oomKill.ts";
import { startOomReaper } from "../oomReaper.ts";
import { type Guard, type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

/** A driver whose lock the victim holds while it waits for memory. */
interface Device extends Handle {
  readonly lock: Mutex;
  /** Takes the lock although the range says that nobody may block. */
  blocks: boolean;
}
const deviceStruct = struct("device", { lock: mutexField(), blocks: bool({ ordered: "set-up" }) });

const ops: MmuNotifierOps = {
  *invalidateRangeStart(_k, sub, _start, _end, flags): Task<number> {
    const dev = sub.driver as Device;
    if (rangeBlockable(flags) || dev.blocks) yield* lock(dev.lock);
    else if (!(yield* trylock(dev.lock))) return -EAGAIN;
    yield* unlock(dev.lock);
    return 0;
  },
};

const all = rules("linux-6.1");
const without = (guard: Guard): Rules => rules("linux-6.1", { without: [guard] });

const EXITS = 0;
const UNMAPS = 1;
const IN_DRIVER = 2;
/** With the driver's lock held, the victim waits for memory: for that of the victim. */
const ALLOCATES = 3;

function* main(k: Kernel, p: Process, sub: MmuNotifier, what: number): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 7);
  yield* lruAddDrain(k);
  if (what >= IN_DRIVER) yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  const a = spawn(victim, k, p, sub, what);
  const b = spawn(killer, k);
  yield* join(a);
  yield* join(b);
  if (what >= IN_DRIVER) yield* mmuNotifierUnregister(k, sub);
  yield* lruAddDrain(k);
}

function* victim(k: Kernel, p: Process, sub: MmuNotifier, what: number): Task {
  becomeProcess(p);
  yield* choose(1);
  if (what === UNMAPS) yield* sysMunmap(k, p, A, 1);
  else if (what >= IN_DRIVER) yield* inDriver(k, p, sub, what === ALLOCATES);
  else yield* looks(k, p);
  yield* sysExit(k, p);
}

/** A thread on another CPU that has not noticed yet reads what it wrote, or dies of a signal. */
function* looks(k: Kernel, p: Process): Task {
  const content = yield* userRead(k, p, A);
  must(content === 7 || content < 0, "lost-write", `7 was written, and ${content} is read`);
}

/** An ioctl that touches the process's memory with the driver's lock held. */
function* inDriver(k: Kernel, p: Process, sub: MmuNotifier, waits: boolean): Task {
  const dev = sub.driver as Device;
  yield* lock(dev.lock);
  const mm = p.mm as Mm;
  // Its allocation is tried again until nothing more is to be had from the victim, or somebody else may be chosen.
  if (waits) yield* until(() => mm.oomSkip);
  else yield* looks(k, p);
  yield* unlock(dev.lock);
}

function* killer(k: Kernel): Task {
  yield* choose(1);
  yield* lock(k.oom.lock);
  if (k.processes.some((p) => p.mm !== null)) yield* outOfMemory(k, GFP_KERNEL, 0, 1000);
  yield* unlock(k.oom.lock);
}

export const oomReaper = defineCase({
  id: "mm-oom-reaper",
  title: "the OOM reaper against a victim that goes on",
  variants: {
    "linux-6.1-exit": { what: EXITS, blocks: false, inForce: all, expect: "ok" },
    "linux-6.1-munmap": { what: UNMAPS, blocks: false, inForce: all, expect: "ok" },
    "linux-6.1-in-driver": { what: IN_DRIVER, blocks: false, inForce: all, expect: "ok" },
    "linux-6.1-in-driver-allocates": { what: ALLOCATES, blocks: false, inForce: all, expect: "ok" },
    "reaper-blocks": {
      what: ALLOCATES,
      blocks: false,
      inForce: rules("linux-6.1", { reaperNonBlock: false }),
      expect: "deadlock",
    },
    "reaper-never-skips": { what: ALLOCATES, blocks: false, inForce: without("oomReaperSkips"), expect: "deadlock" },
    "driver-blocks": { what: IN_DRIVER, blocks: true, inForce: all, expect: "atomic-sleep" },
    "fault-where-the-reaper-was": { what: EXITS, blocks: false, inForce: without("oomUnstable"), expect: "lost-write" },
    "reaper-without-reference": {
      what: EXITS,
      blocks: false,
      inForce: without("oomReaperRef"),
      expect: "use-after-free",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, oomReapRetries: 2 });
    const dev = deviceStruct.create("device") as Device;
    dev.blocks = v.blocks;
    const sub = createNotifier(m, "subscriber", ops, dev);
    startOomReaper(m, k);
    m.spawn("main", main, [k, createProcess(k), sub, v.what], { children: 2 });
  },
});
