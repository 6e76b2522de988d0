import type { Task } from "../machine/core.ts";
import { EAGAIN } from "../machine/errno.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { defineCase } from "../machine/scenario.ts";
import { sysExit } from "../mm/exit.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { createNotifier, mmuNotifierRegister } from "../mm/mmuNotifier.ts";
import { type IntervalNotifier, type MmuNotifierOps, rangeBlockable } from "../mm/mmuNotifierTypes.ts";
import { oomReapTaskMm } from "../mm/oomReaper.ts";
import { rules } from "../mm/rules.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { createMirror, mirrorMap } from "../mm/world/devices.ts";
import { anonPages } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";

/** Who has to sleep to let go refuses where nobody may: i915 up to v5.12, nouveau. */
const refuses: MmuNotifierOps = {
  *invalidateRangeStart(_k, _sub, _start, _end, flags): Task<number> {
    return rangeBlockable(flags) ? 0 : -EAGAIN;
  },
};

/** oom_reap_task_mm, as far as its sections go. */
function* reaps(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  yield* downRead(mm.mmapLock);
  yield* oomReapTaskMm(k, mm);
  yield* upRead(mm.mmapLock);
}

/** A fault of the device on behalf of the victim, which runs still. */
function* faults(k: Kernel, p: Process, mirror: IntervalNotifier): Task {
  yield* mirrorMap(k, mirror, A, true);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

export default defineCase<{ refusalEndsIntervals: boolean }>({
  id: "interval-section-never-ends",
  title: "a classic subscriber refuses a start, and the section of the interval subscribers stays open",
  class: "deadlock",
  text: `The sibling of unpaired-start-on-eagain on the other side of the same function. Interval subscribers are told first;
they accept, and the sequence becomes odd: a section is open. Then the classic subscribers are called, one of them refuses since
nobody may sleep, and the start fails. v5.12 delivers the end to the classic subscribers, and the caller calls no end, rightly.
Nobody ends the section of the interval subscribers. mmu_interval_read_begin and mmu_interval_notifier_remove wait for its end.

*Buggy run:* a process has a mirrored range and a classic subscriber such as nouveau's; the OOM reaper (or process_mrelease) comes;
the next device fault of the process sleeps for ever, and so does its exit, when the driver removes the subscription.

This is no bug of history: the battery of the contract found it in the model, and it follows from the text of
__mmu_notifier_invalidate_range_start as the facts of 6.1 have it: of the two halves only the second undoes itself. It needs a
process with subscribers of both kinds. It was not tried on a real kernel. *Fix (ours):* the start that fails ends the first half.`,
  sources: [
    { ref: "c2655835fd8c", what: "the same for classic subscribers, v5.12" },
    { ref: "99cb252f5e68", what: "interval notifiers, v5.5: since when there are two halves" },
  ],
  variants: {
    buggy: { rules: "linux-6.1", about: "as in v6.1", refusalEndsIntervals: false, expect: "deadlock" },
    fixed: {
      rules: "linux-6.1",
      about: "the refused start ends the section",
      refusalEndsIntervals: true,
      expect: "ok",
    },
  },
  setup(m, { refusalEndsIntervals }) {
    const k = smallKernel(m, { rules: rules("linux-6.1", { refusalEndsIntervals }) });
    const p = createProcess(k);
    m.boot(anonPages, [k, p, A, 1]);
    const { mirror, notifier } = createMirror(m, k, p.mm as Mm, A, 1);
    m.boot(mmuNotifierRegister, [k, createNotifier(m, "classic", refuses, mirror), p.mm as Mm]);
    m.spawn("oomReaper", reaps, [k, p]);
    m.spawn("device", faults, [k, p, notifier]);
  },
});
