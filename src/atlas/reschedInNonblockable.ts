import { createStage2, type Stage2 } from "../drivers/kvmArm64.ts";
import type { Task } from "../machine/core.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { defineCase } from "../machine/scenario.ts";
import { until } from "../machine/wait.ts";
import type { Kernel } from "../mm/kernel.ts";
import { sysMunmap } from "../mm/mmap.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { type MmuNotifier, mmuNotifierRegister } from "../mm/mmuNotifier.ts";
import { outOfMemory } from "../mm/oomKill.ts";
import { startOomReaper } from "../mm/oomReaper.ts";
import type { Vpn } from "../mm/page.ts";
import { anonPages } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";

function* kills(k: Kernel, mm: Mm): Task {
  yield* lock(k.oom.lock);
  yield* outOfMemory(k, GFP_KERNEL, 0, 1000);
  yield* unlock(k.oom.lock);
  yield* until(() => mm.oomSkip);
}

function* unmaps(k: Kernel, p: Process, at: Vpn): Task {
  yield* sysMunmap(k, p, at, 2);
}

export default defineCase({
  id: "resched-in-nonblockable",
  title: "a callback lets others run in a range that must not block",
  class: "atomic-sleep",
  text: `The OOM reaper tells notifiers that they must not block: what they would wait for may need the memory that is being freed. KVM
on arm64 did not take any sleeping lock; but at the end of each top-level entry of the guest's table it dropped mmu_lock and
called cond_resched.

*Buggy run:* one thread: the reaper, a non-blockable start over a range with the border of two top-level entries in it. *Fix:*
the flags of the range go down to where it is decided. No other row shows it: a range within one entry, or one that may block.
That is why it took ba170f76b69d, which makes sleeping in such a section a warning, and a large guest.`,
  sources: [
    { ref: "b5331379bc62", what: "KVM: arm64: Only reschedule if MMU_NOTIFIER_RANGE_BLOCKABLE is not set, v5.9" },
    { ref: "fdfe7cbd5880", what: "KVM: Pass MMU notifier range flags to kvm_unmap_hva_range(), v5.9" },
    { ref: "8b3405e345b5", what: "where it came in" },
  ],
  variants: {
    buggy: {
      asks: false,
      at: A - 1,
      reaped: true,
      expect: "atomic-sleep",
      about: "reaped, the range has a border in it",
    },
    "buggy-within": { asks: false, at: A, reaped: true, expect: "ok", about: "reaped, within one top-level entry" },
    "buggy-munmap": { asks: false, at: A - 1, reaped: false, expect: "ok", about: "munmap, which may block" },
    fixed: { asks: true, at: A - 1, reaped: true, expect: "ok", about: "v5.9: others run only if the range may block" },
  },
  setup(m, v) {
    const k = smallKernel(m, { oomReapRetries: 2, tables: 10 });
    const p = createProcess(k);
    const mm = p.mm as Mm;
    const sub: MmuNotifier<Stage2> = createStage2(m, v.asks);
    startOomReaper(m, k);
    m.boot(anonPages, [k, p, v.at, 2]);
    m.boot(mmuNotifierRegister, [k, sub, mm]);
    if (v.reaped) m.spawn("killer", kills, [k, mm]);
    else m.spawn("unmapper", unmaps, [k, p, v.at]);
  },
});
