/**
 * A secondary MMU as KVM has one: a page table of its own, here of one page, with frames to which it has no reference.
 *
 *   start: lock, inProgress++, entry in the range? gone      end: lock, inProgress--, seq++
 *   map:   seq ─▶ page through GUP ─▶ lock, inProgress or another seq? again : entry ─▶ the reference goes
 *   use:   by the entry alone
 */
import type { Handle, Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, spinlockField, unlock } from "../machine/mutex.ts";
import { int, struct } from "../machine/struct.ts";
import { createPages, FOLL_GET, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import { HMM_VALID, HMM_WRITE } from "../mm/hmm.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm } from "../mm/mmTypes.ts";
import { createNotifier, type MmuNotifier, type MmuNotifierOps } from "../mm/mmuNotifier.ts";
import type { Vpn } from "../mm/page.ts";
import { claimCoherence } from "../mm/world/claims.ts";

export interface SecondaryMmu extends Handle {
  readonly lock: Mutex;
  /** Its entry: page + 1 (0 = none), frame, and how often the frame had been freed. */
  page: number;
  frame: number;
  generation: number;
  inProgress: number;
  seq: number;
  readonly pages: Pages;
}
const guarded = { guardedBy: "lock" } as const;
const fields = {
  page: int(guarded),
  frame: int(guarded),
  generation: int(guarded),
  inProgress: int(guarded),
  seq: int(guarded),
};
const mmuStruct = struct("secondaryMmu", { lock: spinlockField(), ...fields });
const sleepingStruct = struct("sleepingMmu", { lock: mutexField(), ...fields });

function zap(mmu: SecondaryMmu): void {
  mmu.page = 0;
  mmu.frame = 0;
  mmu.generation = 0;
}

const ops: MmuNotifierOps = {
  *invalidateRangeStart(_k, sub, start, end): Task<number> {
    const mmu = sub.driver as SecondaryMmu;
    yield* lock(mmu.lock);
    mmu.inProgress++;
    if (mmu.page > start && mmu.page <= end) zap(mmu);
    yield* unlock(mmu.lock);
    return 0;
  },
  *invalidateRangeEnd(_k, sub): Task {
    const mmu = sub.driver as SecondaryMmu;
    yield* lock(mmu.lock);
    must(
      mmu.inProgress > 0,
      "missed-notification",
      `${mmu.name} hears of the end of a section that it saw no start of`,
    );
    mmu.inProgress--;
    mmu.seq = (mmu.seq + 1) & 7;
    yield* unlock(mmu.lock);
  },
  *release(_k, sub): Task {
    yield* mmuZap(sub);
  },
};

/** Set-up: the MMU and its subscriber, not registered yet. Its lock is a spinlock, as KVM's mmu_lock, or a mutex if it `sleeps`. */
export function createSecondaryMmu(m: Machine, name = "mmu", sleeps = false): MmuNotifier<SecondaryMmu> {
  const type = sleeps ? sleepingStruct : mmuStruct;
  const mmu: SecondaryMmu = Object.assign(type.create(name), { pages: createPages(`${name}.pages`, 1) });
  return createNotifier(m, name, ops, mmu);
}

/** Set-up: it promises that at no time it has a frame at page `vpn` that the process has not. Else `stale-mapping`. */
export function mmuClaimsCoherence(m: Machine, k: Kernel, mmu: SecondaryMmu, mm: Mm, vpn: Vpn): void {
  const entry = (): readonly number[] => (mmu.page === vpn + 1 ? [(mmu.frame << 2) | HMM_WRITE | HMM_VALID] : []);
  claimCoherence(m, k, mm, vpn, mmu.name, entry);
}

/** Maps page `vpn`, for writing or only for reading. 0 or -errno. */
export function* mmuMap(k: Kernel, sub: MmuNotifier, vpn: Vpn, write = true): Task<number> {
  const mmu = sub.driver as SecondaryMmu;
  const flags = FOLL_GET | (write ? FOLL_WRITE : 0);
  for (;;) {
    yield* lock(mmu.lock);
    const { seq } = mmu;
    yield* unlock(mmu.lock);
    const got = yield* getUserPagesFast(k, sub.mm as Mm, vpn, 1, flags, mmu.pages);
    if (got < 0) return got;
    yield* lock(mmu.lock);
    const again = mmu.inProgress > 0 || mmu.seq !== seq;
    if (!again) {
      mmu.page = vpn + 1;
      mmu.frame = mmu.pages.pfn[0];
      mmu.generation = k.frames.generation[mmu.frame];
    }
    yield* unlock(mmu.lock);
    yield* unpinUserPages(k, mmu.pages, 1, FOLL_GET, write && !again);
    if (!again) return 0;
  }
}

/** A store through its entry: was there one? Into a frame that was freed since: `use-after-free`. */
export function* mmuWrite(k: Kernel, sub: MmuNotifier, content: number): Task<boolean> {
  const mmu = sub.driver as SecondaryMmu;
  yield* lock(mmu.lock);
  const { page, frame } = mmu;
  if (page !== 0) {
    const live = k.frames.generation[frame] === mmu.generation;
    must(
      live,
      "use-after-free",
      `${mmu.name} writes to frame ${frame} for page ${page - 1}; the frame was freed meanwhile`,
    );
    k.frames.content[frame] = content;
  }
  yield* unlock(mmu.lock);
  return page !== 0;
}

/** A load through its entry, if there is one. From a frame that was freed since: `use-after-free`. */
export function* mmuRead(k: Kernel, sub: MmuNotifier): Task {
  const mmu = sub.driver as SecondaryMmu;
  yield* lock(mmu.lock);
  const { page, frame } = mmu;
  const live = page === 0 || k.frames.generation[frame] === mmu.generation;
  must(live, "use-after-free", `${mmu.name} reads frame ${frame} for page ${page - 1}; the frame was freed meanwhile`);
  yield* unlock(mmu.lock);
}

/** Its entry goes. */
export function* mmuZap(sub: MmuNotifier): Task {
  const mmu = sub.driver as SecondaryMmu;
  yield* lock(mmu.lock);
  zap(mmu);
  yield* unlock(mmu.lock);
}
