/**
 * KVM's gfn-to-pfn cache (virt/kvm/pfncache.c of v6.1): a page of the guest that the kernel itself writes to, without a reference;
 * an invalidation finds it on a list and makes it invalid.
 *
 *   activate     on the list ─▶ active ─▶ refresh        refresh  not valid? page through GUP, no invalidation meanwhile ─▶ valid
 *   use          gpc->lock: valid? write                 deactivate  not active ─▶ off the list ─▶ not valid
 *
 * What keeps it right: it is valid only while it is on the list.
 */
import { type Cell, cellField, readOnce, writeOnce } from "../machine/cell.ts";
import type { Handle, Task } from "../machine/core.ts";
import { EINVAL } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, spinlockField, unlock } from "../machine/mutex.ts";
import { downRead, downWrite, type RwSem, rwlockField, upRead, upWrite } from "../machine/rwsem.ts";
import { bool, int, struct } from "../machine/struct.ts";
import { createPages, FOLL_GET, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm } from "../mm/mmTypes.ts";
import { createNotifier, type MmuNotifier, type MmuNotifierOps } from "../mm/mmuNotifier.ts";
import { type Pfn, PG_buddy, type Vpn } from "../mm/page.ts";
import { driverHistory } from "./history.ts";

/** Which of the rules of the fix are in force. */
export interface PfncacheRules {
  /** kvm_gpc_check says no to a cache that is not active; deactivation says so before it takes it off the list. */
  readonly checkAsks: boolean;
  /** kvm_gpc_refresh as well. */
  readonly refreshAsks: boolean;
  /** It is on the list before it is active. */
  readonly listedFirst: boolean;
}

const history = driverHistory<PfncacheRules, string>("kvm-pfncache", {
  "v6.0": { checkAsks: false, refreshAsks: false, listedFirst: false },
  "v6.1": { checkAsks: true, refreshAsks: true, listedFirst: true },
});

export interface Gpc extends Handle {
  readonly lock: RwSem;
  /** Only one refresh at a time. */
  readonly refreshLock: Mutex;
  active: boolean;
  valid: boolean;
  pfn: Pfn;
  /** kvm->gpc_lock and kvm->gpc_list. */
  readonly gpcLock: Mutex;
  listed: boolean;
  /** mn_active_invalidate_count and mmu_invalidate_seq. */
  readonly mnInvalidateLock: Mutex;
  readonly activeInvalidates: Cell;
  readonly mmuInvalidateSeq: Cell;
  readonly vpn: Vpn;
  readonly pages: Pages;
  readonly rules: PfncacheRules;
}
const gpcStruct = struct("gpc", {
  lock: rwlockField(),
  refreshLock: mutexField(),
  active: bool({ ordered: "gpc->lock; before v6.1 its owner's" }),
  valid: bool({ guardedBy: "lock" }),
  pfn: int({ guardedBy: "lock" }),
  gpcLock: spinlockField(),
  listed: bool({ guardedBy: "gpcLock" }),
  mnInvalidateLock: spinlockField(),
  activeInvalidates: cellField(),
  mmuInvalidateSeq: cellField(),
});
const SEQ_MASK = 7;

const kvmOps: MmuNotifierOps = {
  *invalidateRangeStart(_k, sub, start, end): Task<number> {
    const gpc = sub.driver as Gpc;
    yield* lock(gpc.mnInvalidateLock);
    yield* writeOnce(gpc.activeInvalidates, (yield* readOnce(gpc.activeInvalidates)) + 1);
    yield* unlock(gpc.mnInvalidateLock);
    // gfn_to_pfn_cache_invalidate_start
    yield* lock(gpc.gpcLock);
    if (gpc.listed && gpc.vpn >= start && gpc.vpn < end) {
      yield* downWrite(gpc.lock);
      gpc.valid = false;
      yield* upWrite(gpc.lock);
    }
    yield* unlock(gpc.gpcLock);
    return 0;
  },
  *invalidateRangeEnd(_k, sub): Task {
    const gpc = sub.driver as Gpc;
    yield* lock(gpc.mnInvalidateLock);
    yield* writeOnce(gpc.mmuInvalidateSeq, ((yield* readOnce(gpc.mmuInvalidateSeq)) + 1) & SEQ_MASK);
    yield* writeOnce(gpc.activeInvalidates, (yield* readOnce(gpc.activeInvalidates)) - 1);
    yield* unlock(gpc.mnInvalidateLock);
  },
};

/** Set-up: a virtual machine with one cache, of page `vpn`; not active, its subscriber to be registered. */
export function createGpc(m: Machine, vpn: Vpn, rules: PfncacheRules): MmuNotifier<Gpc> {
  const parts = { vpn, pages: createPages("gpc.pages", 1), rules: m.keep(history.inForce(rules)) };
  return createNotifier(m, "kvm.notifier", kvmOps, Object.assign(gpcStruct.create("gpc"), parts));
}

/** kvm_gpc_activate. 0 or -errno. */
export function* gpcActivate(k: Kernel, gpc: Gpc, mm: Mm): Task<number> {
  yield* gpcMakeActive(gpc);
  return yield* gpcRefresh(k, gpc, mm);
}

/** Its first half: from now on the cache may be refreshed. */
export function* gpcMakeActive(gpc: Gpc): Task {
  if (!gpc.rules.listedFirst) yield* setActive(gpc, true);
  yield* lock(gpc.gpcLock);
  gpc.listed = true;
  yield* unlock(gpc.gpcLock);
  if (gpc.rules.listedFirst) yield* setActive(gpc, true);
}

function* setActive(gpc: Gpc, active: boolean): Task {
  yield* downWrite(gpc.lock);
  gpc.active = active;
  yield* upWrite(gpc.lock);
}

/** kvm_gpc_deactivate. */
export function* gpcDeactivate(gpc: Gpc): Task {
  if (!gpc.active) return;
  if (gpc.rules.checkAsks) yield* setActive(gpc, false);
  yield* lock(gpc.gpcLock);
  gpc.listed = false;
  yield* unlock(gpc.gpcLock);
  yield* downWrite(gpc.lock); // kvm_gpc_unmap
  gpc.valid = false;
  gpc.active = false;
  yield* upWrite(gpc.lock);
}

/** kvm_gpc_refresh, with hva_to_pfn_retry: the reference that GUP takes is given back at once. 0 or -errno. */
export function* gpcRefresh(k: Kernel, gpc: Gpc, mm: Mm): Task<number> {
  yield* lock(gpc.refreshLock);
  const error = yield* refreshLocked(k, gpc, mm);
  yield* unlock(gpc.refreshLock);
  return error;
}

function* refreshLocked(k: Kernel, gpc: Gpc, mm: Mm): Task<number> {
  for (;;) {
    yield* downWrite(gpc.lock);
    const done = gpc.valid || (gpc.rules.refreshAsks && !gpc.active);
    const error = gpc.valid ? 0 : -EINVAL;
    const seq = yield* readOnce(gpc.mmuInvalidateSeq);
    yield* upWrite(gpc.lock);
    if (done) return error;
    const got = yield* getUserPagesFast(k, mm, gpc.vpn, 1, FOLL_GET | FOLL_WRITE, gpc.pages);
    if (got < 0) return got;
    yield* downWrite(gpc.lock);
    const stale = (yield* readOnce(gpc.activeInvalidates)) > 0 || (yield* readOnce(gpc.mmuInvalidateSeq)) !== seq;
    const usable = !stale && (gpc.active || !gpc.rules.refreshAsks);
    if (usable) {
      gpc.valid = true;
      gpc.pfn = gpc.pages.pfn[0];
    }
    yield* upWrite(gpc.lock);
    yield* unpinUserPages(k, gpc.pages, 1, FOLL_GET, false);
    if (usable) return 0;
  }
}

/** An event for the guest is noted in its page, if the cache can be had: kvm_gpc_check, kvm_gpc_refresh. */
export function* sendEvent(k: Kernel, gpc: Gpc, mm: Mm, content: number): Task {
  for (;;) {
    yield* downRead(gpc.lock);
    const usable = gpc.valid && (gpc.active || !gpc.rules.checkAsks);
    if (usable) {
      const free = (k.frames.flags[gpc.pfn] & PG_buddy) !== 0;
      must(!free, "use-after-free", `the event is written to frame ${gpc.pfn}, which is free`);
      k.frames.content[gpc.pfn] = content;
    }
    yield* upRead(gpc.lock);
    if (usable || (yield* gpcRefresh(k, gpc, mm)) !== 0) return;
  }
}
