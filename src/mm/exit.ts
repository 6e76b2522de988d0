/** The end of an address space: exit(2), execve(2) as far as memory goes, and exit_mmap (kernel/exit.c, mm/mmap.c). */
import { fetchAdd } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { ENOMEM } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, downWrite, upRead, upWrite } from "../machine/rwsem.ts";
import { unlinkAnonVmas } from "./anonVma.ts";
import { freePgtables } from "./freePgtables.ts";
import type { Kernel } from "./kernel.ts";
import { unmapVmas } from "./memoryZap.ts";
import type { Mm, Process, Vma } from "./mmTypes.ts";
import { freeProcess, mmAlloc, mmdrop } from "./mmUsers.ts";
import { tlbFinish, tlbGather } from "./mmuGather.ts";
import { ALL_END, mmuNotifierRelease } from "./mmuNotifier.ts";
import { lruAddDrain } from "./swap.ts";
import { removeVma, unlinkFileVma } from "./vma.ts";

/** exit_mm: the process gives up its address space, and itself. */
export function* sysExit(k: Kernel, p: Process): Task {
  const { mm } = p;
  yield* lock(p.taskLock);
  p.mm = null;
  yield* unlock(p.taskLock);
  if (mm) yield* mmput(k, mm);
  if (p.oomMm) yield* mmdrop(k, p.oomMm);
  p.oomMm = null;
  freeProcess(k, p);
}

/** exec_mmap: a new, empty address space; then the old one is given up. 0 or -ENOMEM. */
export function* sysExec(k: Kernel, p: Process): Task<number> {
  const fresh = yield* mmAlloc(k);
  if (!fresh) return -ENOMEM;
  const old = p.mm as Mm;
  fresh.memcg = old.memcg;
  yield* lock(p.taskLock);
  p.mm = fresh;
  yield* unlock(p.taskLock);
  yield* mmput(k, old);
  return 0;
}

/** mmput: the last user tears it down. */
export function* mmput(k: Kernel, mm: Mm): Task {
  const before = yield* fetchAdd(mm.mmUsers, -1);
  must(before > 0, "use-after-free", `${mm.name} has no users and is to lose one`);
  if (before === 1) yield* lastMmput(k, mm);
}

/** __mmput: nobody uses the address space any more. */
export function* lastMmput(k: Kernel, mm: Mm): Task {
  yield* exitMmap(k, mm);
  yield* mmdrop(k, mm);
}

/**
 * exit_mmap. Subscribers are told first; classic ones are gone afterwards, so that only intervals hear of the unmapping.
 * With the lock for reading, since the OOM reaper may be at it too.
 */
export function* exitMmap(k: Kernel, mm: Mm): Task {
  yield* mmuNotifierRelease(k, mm);
  yield* downRead(mm.mmapLock);
  yield* lruAddDrain(k);
  const tlb = tlbGather(k, mm, true);
  yield* unmapVmas(k, tlb, mm, mm.mmap, 0, ALL_END);
  yield* upRead(mm.mmapLock);
  mm.oomSkip = true;
  yield* downWrite(mm.mmapLock);
  for (let vma = mm.mmap; vma; vma = vma.next) {
    yield* unlinkAnonVmas(k, vma);
    yield* unlinkFileVma(vma);
  }
  yield* freePgtables(k, tlb, mm.mmap, 0, 0);
  yield* tlbFinish(k, tlb);
  for (let vma = mm.mmap; vma; ) {
    const next: Vma | null = vma.next;
    yield* removeVma(k, vma);
    vma = next;
  }
  mm.mmap = null;
  mm.mapCount = 0;
  yield* upWrite(mm.mmapLock);
}
