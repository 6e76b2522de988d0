import { createUserptr, i915MmuNotifier } from "../drivers/i915Userptr.ts";
import { createKvm, vcpuFault } from "../drivers/kvm.ts";
import { defineCase } from "../machine/scenario.ts";
import { rules } from "../mm/rules.ts";
import { createKernel } from "../mm/slice/kernel.ts";
import { claimReferences } from "../mm/slice/leak.ts";
import { ANON, createMapping } from "../mm/slice/mapping.ts";
import { populate } from "../mm/slice/memory.ts";
import { createMm } from "../mm/slice/mm.ts";
import { oomReapArea } from "../mm/slice/oomKill.ts";

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
the end itself on a refusal, and whoever may refuse must not implement the end. The variants *guest* switch the core's own
book-keeping off, so that the consequence shows: a vCPU that never gets its page. The order of the two does not matter.`,
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
      unwatched: true,
      expect: "livelock",
    },
    fixed: { ...fixed, about: "the core delivers the end", kvmFirst: true, expect: "ok" },
    "fixed-other-order": { ...fixed, about: "the same, i915 registered first", kvmFirst: false, expect: "ok" },
    "fixed-guest": { ...fixed, about: "what the guest sees of it", kvmFirst: true, unwatched: true, expect: "ok" },
  },
  setup(m, v: { endAfterRefusedStart: boolean; kvmFirst: boolean; unwatched?: boolean }) {
    const { endAfterRefusedStart } = v;
    const k = createKernel(m, rules("linux-5.11", { endAfterRefusedStart }), 2);
    const area = { mapping: createMapping(m, "guest", ANON, 1), pages: 1 };
    const mm = createMm(m, k, "mm", [area], { judgePairing: v.unwatched !== true });
    populate(k, mm, 0);
    const object = (): void => {
      createUserptr(m, i915MmuNotifier(m, mm), 0, 1).active = true;
    };
    if (!v.kvmFirst) object();
    const kvm = createKvm(m, mm);
    if (v.kvmFirst) object();
    claimReferences(m, k, () => ({ pinned: [], memory: [] }));
    m.spawn("oomReaper", oomReapArea, [k, mm, 0, 1]);
    m.spawn("vcpu", vcpuFault, [k, kvm, 0]);
  },
});
