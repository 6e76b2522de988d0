import { createKvmVm, type KvmVm, type SlotRule, setMemoryRegion, vcpuFault } from "../drivers/kvmMemslots.ts";
import type { Task } from "../machine/core.ts";
import { EAGAIN } from "../machine/errno.ts";
import { defineCase } from "../machine/scenario.ts";
import type { Kernel } from "../mm/kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../mm/madvise.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import {
  createNotifier,
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_UNMAP,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierRegister,
  rangeBlockable,
} from "../mm/mmuNotifier.ts";
import { type Under, under } from "../mm/world/onePage.ts";
import { anonPages } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";

function* drops(k: Kernel, p: Process): Task {
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
}

/** What the OOM reaper does with a range: refused, it leaves it alone, and there is no end. */
function* reaps(k: Kernel, mm: Mm): Task {
  if ((yield* invalidateRangeStart(k, mm, A, A + 1, MMU_NOTIFY_UNMAP)) !== 0) return;
  yield* invalidateRangeEnd(k, mm, A, A + 1, MMU_NOTIFY_UNMAP);
}

function* updates(vm: KvmVm, adds: boolean): Task {
  yield* setMemoryRegion(vm, adds ? A : 0);
}

/** A slot is deleted, and then the guest needs the page of the other one. */
function* deletesAndFaults(k: Kernel, vm: KvmVm, mm: Mm): Task {
  yield* setMemoryRegion(vm, 0);
  yield* vcpuFault(k, vm, mm);
}

/** Another driver on the same mm, which never lets itself be called where it must not sleep. */
const refusing: MmuNotifierOps = {
  *invalidateRangeStart(_k, _sub, _start, _end, flags): Task<number> {
    return rangeBlockable(flags) ? 0 : -EAGAIN;
  },
};

type What = "adds" | "deletes" | "faults" | "reaped";
const paired = under("linux-6.1");
const unpaired = under("linux-6.1", { endAfterRefusedStart: false });
const GUARD = "overlappingAndUpdatesWait";

export default defineCase<{ rule: SlotRule; what: What } & Partial<Under>>({
  id: "memslot-changes-between-start-and-end",
  title: "start and end of a section see different memory slots",
  class: "missed-notification",
  text: `KVM need not take mmu_lock for ranges in which the guest has no memory; most sections of a process are such. But start and
end each look at the slots by themselves.

*Buggy runs:* a slot is added in between: the end is counted of which the start was not, and the count falls below 0. Or one is
deleted: the start is counted and the end is not, the count stays at 1, and each fault of the guest, in whatever slot, tries
again for ever. *Fix:* updates of slots wait until no section is open.

That makes the next trap: a start without its end (unpaired-start-on-eagain, case 8) cost a count before; now it stops every
update of slots for ever. The rows \`unpaired\` and \`paired\` have both: the OOM reaper's range is refused by another driver.`,
  sources: [
    { ref: "52ac8b358b0c", what: "KVM: Block memslot updates across range_start() and range_end(), v5.15: the guard" },
    { ref: "071064f14d87", what: "KVM: Don't take mmu_lock for range invalidation unless necessary, v5.15" },
  ],
  variants: {
    before: { rule: "always", what: "adds", expect: "ok", about: "every range takes mmu_lock; a slot is added" },
    "buggy-add": { rule: "overlapping", what: "adds", expect: "missed-notification", about: "a slot is added" },
    "buggy-delete": { rule: "overlapping", what: "deletes", expect: "missed-notification", about: "a slot is deleted" },
    "buggy-fault": {
      rule: "overlapping",
      what: "faults",
      expect: "livelock",
      about: "a slot is deleted, then a fault",
    },
    "fixed-add": { rule: GUARD, what: "adds", expect: "ok", about: "updates wait; a slot is added" },
    "fixed-delete": { rule: GUARD, what: "deletes", expect: "ok", about: "updates wait; a slot is deleted" },
    "fixed-fault": {
      rule: GUARD,
      what: "faults",
      expect: "ok",
      about: "updates wait; a slot is deleted, then a fault",
    },
    unpaired: {
      rule: GUARD,
      what: "reaped",
      ...unpaired,
      expect: "deadlock",
      about: "updates wait; a start has no end",
    },
    paired: { rule: GUARD, what: "reaped", ...paired, expect: "ok", about: "the same with the fix of case 8" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce ?? paired.inForce });
    const p = createProcess(k);
    const mm = p.mm as Mm;
    const sub = createKvmVm(m, v.rule, v.what === "adds" ? 0 : A, A + 1);
    const { driver } = sub;
    const isOver = (): boolean => driver.mmuInvalidateInProgress === 0;
    // Where the guest faults, what is asked is whether it comes to an end.
    if (v.what !== "faults") m.atEnd("no section is in progress", isOver, "missed-notification");
    m.boot(anonPages, [k, p, A, 2]);
    const subs: MmuNotifier[] = v.what === "reaped" ? [sub, createNotifier(m, "other", refusing, driver)] : [sub];
    for (const each of subs) m.boot(mmuNotifierRegister, [k, each, mm]);
    if (v.what === "reaped") m.spawn("reaper", reaps, [k, mm]);
    else m.spawn("invalidator", drops, [k, p]);
    if (v.what === "faults") m.spawn("vmm", deletesAndFaults, [k, driver, mm]);
    else m.spawn("vmm", updates, [driver, v.what !== "deletes"]);
  },
});
