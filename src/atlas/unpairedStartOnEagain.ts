import { createUserptr, getPages, getPagesWorker, i915MmuNotifier } from "../drivers/i915Userptr.ts";
import { createKvm, vcpuFault } from "../drivers/kvm.ts";
import type { Task } from "../machine/core.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { defineCase } from "../machine/scenario.ts";
import { work, workqueue } from "../machine/workqueue.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { oomReapTaskMm } from "../mm/oomReaper.ts";
import { rules } from "../mm/rules.ts";
import { anonPages } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";

/** oom_reap_task_mm, as far as its sections go. */
function* reaps(k: Kernel, mm: Mm): Task {
  yield* downRead(mm.mmapLock);
  yield* oomReapTaskMm(k, mm);
  yield* upRead(mm.mmapLock);
}

const buggy = { rules: "linux-5.11", endAfterRefusedStart: false } as const;
const fixed = { rules: "linux-5.11 + c2655835fd8c", endAfterRefusedStart: true } as const;

export default defineCase({
  id: "unpaired-start-on-eagain",
  title: "one notifier refuses a start, the others never get their end",
  class: "missed-notification",
  text: `The OOM reaper may not wait, so it opens a section that callbacks may refuse. When one does, the reaper skips the
area and calls no end. All callbacks are called even after a refusal; those who accepted and count open sections, as KVM
does, count one for ever: every later guest fault finds an invalidation in progress and tries again.

*Buggy run:* reaper opens a non-blockable section; KVM counts 1; i915 refuses; the reaper gives up. *Fix:* the core delivers
the end itself on a refusal, and whoever may refuse must not implement the end. The variants *guest* have a vCPU,
so that the consequence shows: it never gets its page. The order of the two does not matter.`,
  sources: [
    { ref: "c2655835fd8c", what: "mm/mmu_notifiers: ensure range_end() is paired with range_start(), v5.12" },
    { ref: "93065ac753e4", what: "non-blockable ranges, v4.19: where it came in" },
  ],
  variants: {
    buggy: {
      ...buggy,
      about: "KVM registered first, i915 called first",
      kvmFirst: true,
      expect: "missed-notification",
    },
    "buggy-other-order": { ...buggy, about: "i915 registered first", kvmFirst: false, expect: "missed-notification" },
    "buggy-guest": {
      ...buggy,
      about: "what the guest sees of it",
      kvmFirst: true,
      guest: true,
      expect: "livelock",
    },
    fixed: { ...fixed, about: "the core delivers the end", kvmFirst: true, expect: "ok" },
    "fixed-other-order": { ...fixed, about: "the same, i915 registered first", kvmFirst: false, expect: "ok" },
    "fixed-guest": { ...fixed, about: "what the guest sees of it", kvmFirst: true, guest: true, expect: "ok" },
  },
  setup(m, v: { endAfterRefusedStart: boolean; kvmFirst: boolean; guest?: boolean }) {
    const k = smallKernel(m, { rules: rules("linux-5.11", { endAfterRefusedStart: v.endAfterRefusedStart }) });
    const p = createProcess(k);
    const mm = p.mm as Mm;
    m.boot(anonPages, [k, p, A, 1]);
    const i915 = (): void => {
      const object = createUserptr(m, k, i915MmuNotifier(m, k, mm), A, 1);
      m.boot(getPages, [k, object, work("getPages", workqueue("userptr"), getPagesWorker, k, object)]);
    };
    if (!v.kvmFirst) i915();
    const kvm = createKvm(m, k, mm, A, 1);
    if (v.kvmFirst) i915();
    m.spawn("oomReaper", reaps, [k, mm]);
    if (v.guest) m.spawn("vcpu", vcpuFault, [k, kvm, A]);
    else
      m.atEnd(
        "sections that KVM counts",
        () => kvm.inProgress === 0 || "KVM still waits for an end",
        "missed-notification",
      );
  },
});
