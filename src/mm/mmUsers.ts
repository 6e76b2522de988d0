/** Users and references of an mm, and the pools of mms and processes (kernel/fork.c). */
import { cmpxchg, fetchAdd, readOnce } from "../machine/cell.ts";
import { type Task, unchecked } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { freeObject, reuseObject } from "../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { allocTable } from "./pageTable.ts";
import { pgdAlloc, releaseTable } from "./pteAlloc.ts";

/** mmgrab: keeps the struct, not the address space. */
export function* mmgrab(mm: Mm): Task {
  yield* fetchAdd(mm.mmCount, 1);
}

/** mmget: keeps the address space; the caller must know that it has users. */
export function* mmget(mm: Mm): Task {
  yield* fetchAdd(mm.mmUsers, 1);
}

/** mmget_not_zero: for those who keep only the struct. False = the address space is gone. */
export function* mmgetNotZero(mm: Mm): Task<boolean> {
  for (;;) {
    const users = yield* readOnce(mm.mmUsers);
    if (users === 0) return false;
    if ((yield* cmpxchg(mm.mmUsers, users, users + 1)) === users) return true;
  }
}

/** get_task_mm: the mm of `p` and a user of it, to be given back with `mmput`; null when it has none any more. */
export function* getTaskMm(p: Process): Task<Mm | null> {
  yield* lock(p.taskLock);
  const { mm } = p;
  if (mm) yield* mmget(mm);
  yield* unlock(p.taskLock);
  return mm;
}

/** mmdrop: the last reference frees the struct, its top table and its notifier state. */
export function* mmdrop(k: Kernel, mm: Mm): Task {
  const before = yield* fetchAdd(mm.mmCount, -1);
  must(before > 0, "use-after-free", `${mm.name} has no references and is to lose one`);
  if (before > 1) return;
  releaseTable(k, mm.pgd);
  mm.pgd = 0;
  const subs = mm.notifierSubscriptions;
  subs.active = false;
  subs.hasItree = false;
  mm.nextFree = k.state.freeMm;
  k.state.freeMm = mm;
  freeObject(mm);
}

/** mm_init: an empty address space with one user; null without memory. */
export function* mmAlloc(k: Kernel): Task<Mm | null> {
  const mm = k.state.freeMm;
  const pgd = mm ? pgdAlloc(k) : 0;
  if (!mm || pgd === 0) return null;
  k.state.freeMm = mm.nextFree;
  reuseObject(mm);
  mm.nextFree = null;
  // Without mmap_lock: nobody else knows it yet.
  unchecked(() => initMm(k, mm, pgd));
  yield* fetchAdd(mm.mmUsers, 1);
  yield* fetchAdd(mm.mmCount, 1);
  return mm;
}

function initMm(k: Kernel, mm: Mm, pgd: number): void {
  mm.pgd = pgd;
  mm.mmap = null;
  mm.mapCount = 0;
  // The heap begins in the middle of the window before window A.
  mm.startBrk = 1 << (k.windowShift - 1);
  mm.brk = mm.startBrk;
  mm.rssAnon = 0;
  mm.rssFile = 0;
  mm.rssShmem = 0;
  mm.swapEntries = 0;
  mm.lockedVm = 0;
  mm.memcg = 0;
  mm.defFlags = 0;
  mm.hasPinned = false;
  mm.oomSkip = false;
  mm.unstable = false;
  mm.oomReapQueued = false;
  mm.oomReapDue = 0;
  mm.tlbFlushPending = 0;
}

/** A process without an mm yet; null when the pool is empty. */
export function allocProcess(k: Kernel): Process | null {
  const p = k.state.freeProcess;
  if (!p) return null;
  k.state.freeProcess = p.nextFree;
  p.nextFree = null;
  p.mm = null;
  p.killed = false;
  p.oomScoreAdj = 0;
  p.oomMm = null;
  p.remote = 0;
  return p;
}

export function freeProcess(k: Kernel, p: Process): void {
  p.nextFree = k.state.freeProcess;
  k.state.freeProcess = p;
}

/** Set-up: a process with an empty address space. */
export function createProcess(k: Kernel): Process {
  const p = allocProcess(k);
  const mm = k.state.freeMm;
  const pgd = allocTable(k);
  if (!p || !mm || pgd === 0) throw new RangeError("no process, mm or page table left");
  k.state.freeMm = mm.nextFree;
  reuseObject(mm);
  mm.nextFree = null;
  initMm(k, mm, pgd);
  mm.mmUsers.value = 1;
  mm.mmCount.value = 1;
  p.mm = mm;
  return p;
}
