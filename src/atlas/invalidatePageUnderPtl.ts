import { createSecondaryMmu, mmuClaimsCoherence, mmuMap, mmuWrite, mmuZap } from "../drivers/secondaryMmu.ts";
import type { Task } from "../machine/core.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import {
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_CLEAR,
  type MmuNotifier,
  mmuNotifierRegister,
  mmuNotifierUnregister,
  RANGE_BLOCKABLE,
} from "../mm/mmuNotifier.ts";
import { folioGet } from "../mm/page.ts";
import { ptePfn, ptepGetAndClear } from "../mm/pageTable.ts";
import { pageRemoveRmap } from "../mm/rmap.ts";
import type { Rules } from "../mm/rules.ts";
import { folioPut } from "../mm/swap.ts";
import { under } from "../mm/world/onePage.ts";
import { coldPage, leave, reclaims, swapKernel } from "../mm/world/reclaim.ts";
import { A } from "../mm/world/small.ts";

const RECLAIM = 0;
/** Another caller, which takes a page away without having a reference to it, or with one. */
const ZAP = 1;
const ZAP_HELD = 2;

function* main(k: Kernel, p: Process, sub: MmuNotifier, caller: number): Task {
  yield* coldPage(k, p);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  yield* mmuMap(k, sub, A);
  const a = caller === RECLAIM ? spawn(reclaims, k) : spawn(zapThenTell, k, p, caller === ZAP_HELD);
  const b = spawn(guest, k, sub);
  yield* join(a);
  yield* join(b);
  yield* mmuZap(sub);
  yield* mmuNotifierUnregister(k, sub);
  yield* leave(k, p);
}

function* guest(k: Kernel, sub: MmuNotifier): Task {
  yield* choose(1); // the other may begin
  yield* mmuWrite(k, sub, 2);
}

/** One page goes: entry cleared, unlocked, and only then the callback. */
function* zapThenTell(k: Kernel, p: Process, held: boolean): Task {
  const mm = p.mm as Mm;
  yield* choose(1);
  yield* downRead(mm.mmapLock);
  yield* lock(mm.ptl);
  const pfn = ptePfn(yield* ptepGetAndClear(k, mm, A));
  mm.rssAnon--;
  if (held) yield* folioGet(k, pfn);
  yield* pageRemoveRmap(k, pfn);
  yield* folioPut(k, pfn);
  yield* unlock(mm.ptl);
  yield* invalidateRangeStart(k, mm, A, A + 1, MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE);
  yield* invalidateRangeEnd(k, mm, A, A + 1, MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE);
  if (held) yield* folioPut(k, pfn);
  yield* upRead(mm.mmapLock);
}

interface Parameters {
  readonly inForce: Rules;
  readonly caller: number;
  /** Are the page tables of CPU and device compared, or only the uses of freed pages found? */
  readonly compared?: boolean;
  readonly watchPtes?: boolean;
}
const late = under("linux-5.7", { unmapNotifies: "afterUnlock" });

export default defineCase<Parameters>({
  id: "invalidate-page-under-ptl",
  title: "a sleeping callback called with the page-table spinlock held",
  class: "atomic-sleep",
  text: `When the walk of the reverse mapping was rewritten, the callback for a single page moved under the page-table lock, a spinlock.
Drivers take a mutex in it.

*Naive fix:* call it after the unlock. For a while the device has a page that the process has not (row \`naive-compared\`). The atlas's text
predicts that it is freed by then, unless a reference is held: in try_to_unmap one always is, that of reclaim or migration, so in
that place the naive fix frees nothing too early (row \`naive\`); a caller without one does (rows \`naive-zap\`, \`naive-zap-held\`).
*Fix:* a start before the lock and an end after it, in all walks, and no callback for single pages any more.`,
  sources: [
    {
      ref: "c7ab0d2fdc84",
      what: "mm: convert try_to_unmap_one() to use page_vma_mapped_walk(), v4.11: under the lock",
    },
    {
      ref: "aac2fea94f7a",
      what: "rmap: do not call mmu_notifier_invalidate_page() under ptl, v4.13-rc: after the unlock",
    },
    { ref: "369ea8242c0f", what: "mm/rmap: update to new mmu_notifier semantic v2, v4.13" },
    { ref: "5f32b2658092", what: "mm/mmu_notifier: kill invalidate_page, v4.13" },
  ],
  variants: {
    buggy: {
      ...under("linux-5.7", { unmapNotifies: "underPtl" }),
      caller: RECLAIM,
      about: "v4.11, v4.12: one call under the lock",
      expect: "atomic-sleep",
    },
    naive: {
      ...late,
      caller: RECLAIM,
      about: "v4.13-rc: one call after the unlock, reclaim has a reference",
      expect: "ok",
    },
    "naive-compared": {
      ...late,
      caller: RECLAIM,
      compared: true,
      about: "the same, and the page tables of both must agree",
      expect: "stale-mapping",
    },
    "naive-zap": { ...late, caller: ZAP, about: "a caller without a reference", expect: "use-after-free" },
    "naive-zap-held": { ...late, caller: ZAP_HELD, about: "the same caller with a reference", expect: "ok" },
    fixed: {
      ...under("linux-5.7"),
      caller: RECLAIM,
      compared: true,
      watchPtes: true,
      about: "v4.13: start and end around the lock",
      expect: "ok",
    },
  },
  setup(m, v) {
    const k = swapKernel(m, { rules: v.inForce, watchPtes: v.watchPtes ?? false });
    const p = createProcess(k);
    const sub = createSecondaryMmu(m, "mmu", true);
    if (v.compared) mmuClaimsCoherence(m, k, sub.driver, p.mm as Mm, A);
    m.spawn("main", main, [k, p, sub, v.caller], { children: 2 });
  },
});
