import type { Handle, Task } from "../machine/core.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { type Refcount, refcountField, refGet, refGetUnlessZero, refPut } from "../machine/refcount.ts";
import { defineCase } from "../machine/scenario.ts";
import { callSrcu, srcuCallback } from "../machine/srcu.ts";
import { freeObject, int, pooledStruct } from "../machine/struct.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { type Work, workqueue } from "../machine/workqueue.ts";
import { sysExit } from "../mm/exit.ts";
import type { Kernel } from "../mm/kernel.ts";
import { sysMmap, sysMunmap } from "../mm/mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, type Process } from "../mm/mmTypes.ts";
import { createProcess, mmdrop } from "../mm/mmUsers.ts";
import {
  createNotifier,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierRegister,
  unlinkNotifier,
} from "../mm/mmuNotifier.ts";
import { A, smallKernel } from "../mm/world/small.ts";

/** struct hmm of v5.2: one for each mm; its subscriber is a part of it, and mirrors hold references. */
interface Hmm extends Handle {
  readonly kref: Refcount;
  /** Sections open now. */
  notifiers: number;
}
const hmmStruct = pooledStruct("hmm", { kref: refcountField(), notifiers: int({ ordered: "hmm->ranges_lock" }) });

interface Owner {
  readonly hmm: Hmm;
  readonly freeing: Work;
  readonly how: How;
}
interface How {
  /** Freed after a grace period instead of at once. */
  readonly srcu: boolean;
  /** The walk takes a reference only where there is one left. */
  readonly unlessZero: boolean;
}

const hmmOps: MmuNotifierOps = {
  *invalidateRangeStart(k, sub): Task<number> {
    const owner = sub.driver as Owner;
    yield* choose(1); // the walk has found it, and has not looked at it yet
    if (!(yield* mmGetHmm(owner))) return 0;
    owner.hmm.notifiers++;
    yield* hmmPut(k, sub);
    return 0;
  },
};

/** mm_get_hmm: false when it is on its way out. */
function* mmGetHmm({ hmm, how }: Owner): Task<boolean> {
  if (how.unlessZero) return yield* refGetUnlessZero(hmm.kref);
  yield* refGet(hmm.kref);
  return true;
}

/** hmm_put, and hmm_free with the last reference: mmu_notifier_unregister_no_release does not wait for walks. */
function* hmmPut(k: Kernel, sub: MmuNotifier): Task {
  const owner = sub.driver as Owner;
  if (!(yield* refPut(owner.hmm.kref))) return;
  const mm = sub.mm as Mm;
  yield* lock(mm.notifierSubscriptions.lock);
  yield* unlinkNotifier(sub);
  yield* unlock(mm.notifierSubscriptions.lock);
  yield* mmdrop(k, mm);
  if (owner.how.srcu) yield* callSrcu(owner.freeing);
  else freeObject(owner.hmm);
}

/** hmm_free_rcu. */
function* freeHmm(hmm: Hmm): Task<void> {
  freeObject(hmm);
}

function* main(k: Kernel, p: Process, sub: MmuNotifier): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  const a = spawn(unmapper, k, p);
  yield* choose(1); // anybody may begin
  yield* hmmPut(k, sub); // hmm_mirror_unregister: the only mirror goes
  yield* join(a);
  yield* sysExit(k, p);
}

function* unmapper(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMunmap(k, p, A, 1);
}

const row = (srcu: boolean, unlessZero: boolean): How => ({ srcu, unlessZero });

export default defineCase({
  id: "hmm-mirror-freed-in-srcu",
  title: "a subscriber that is unregistered without waiting, and freed at once",
  class: "uaf",
  text: `Walks of the notifier list hold nothing but an SRCU read section. To take a subscriber off the list (without calling release,
and without synchronize_srcu) therefore is no fence: a walk that has found it goes on using it.

*Buggy run:* an unmapping finds the hmm on the list; the last mirror goes, takes it off the list and frees it; the unmapping
calls into what was freed.

*Fix:* two halves, and neither is enough. Freeing after a grace period leaves walks with an object whose count is 0: a plain
get would raise it from the dead, and the put after it frees it a second time. Get-unless-zero on memory that is freed at once
reads a count that may be anything.`,
  sources: [{ ref: "6d7c3cde93c1", what: "mm/hmm: fix use after free with struct hmm in the mmu notifiers, v5.3" }],
  variants: {
    buggy: { ...row(false, false), expect: "use-after-free", about: "v5.2: freed at once, plain get" },
    "only-unless-zero": { ...row(false, true), expect: "use-after-free", about: "get unless zero, freed at once" },
    "only-srcu": { ...row(true, false), expect: "use-after-free", about: "freed after a grace period, plain get" },
    fixed: { ...row(true, true), expect: "ok", about: "v5.3: both" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    const hmm = hmmStruct.create("hmm") as Hmm;
    const freeing = srcuCallback("hmm.free", k.notifierSrcu, workqueue("srcu"), freeHmm, hmm);
    const owner: Owner = m.keep({ hmm, freeing, how: row(v.srcu, v.unlessZero) });
    const sub = createNotifier(m, "hmm.notifier", hmmOps, owner);
    m.spawn("main", main, [k, createProcess(k), sub], { children: 1 });
  },
});
