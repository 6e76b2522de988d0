import { createSecondaryMmu, mmuMap, mmuWrite, mmuZap, type SecondaryMmu } from "../drivers/secondaryMmu.ts";
import { createSmmuSva, type SmmuSva, svaWrite, svaWriteCached } from "../drivers/smmuSva.ts";
import { type Cell, cell, readOnce, writeOnce } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userRead } from "../mm/memory.ts";
import { MPOL_MF_MOVE, sysMovePages } from "../mm/mempolicy.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { type MmuNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "../mm/mmuNotifier.ts";
import { taskNumaWork } from "../mm/numa.ts";
import type { Rules } from "../mm/rules.ts";
import { leavePage, ownPage, under } from "../mm/world/onePage.ts";
import { A, smallKernel } from "../mm/world/small.ts";

function* main(k: Kernel, p: Process, sub: MmuNotifier, shares: boolean, wrote: Cell): Task {
  yield* ownPage(k, p);
  // The page is where no CPU of the process is, so balancing wants it elsewhere.
  yield* sysMovePages(k, p, A, 1, 1, MPOL_MF_MOVE);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  if (shares) yield* svaWrite(k, sub, A, 1);
  else yield* mmuMap(k, sub, A);
  const a = spawn(balancer, k, p);
  const b = spawn(reader, k, p);
  const c = spawn(shares ? sharingDevice : classicDevice, k, sub, wrote);
  yield* join(a);
  yield* join(b);
  yield* join(c);
  const seen = yield* userRead(k, p, A);
  const last = (yield* readOnce(wrote)) === 0 ? 1 : 3;
  must(seen === last, "lost-write", `the device wrote ${last} to the page, and the process reads ${seen}`);
  if (!shares) yield* mmuZap(sub);
  yield* mmuNotifierUnregister(k, sub);
  yield* leavePage(k, p);
}

/** Makes the entry inaccessible, drops the page-table lock, and flushes later. */
function* balancer(k: Kernel, p: Process): Task {
  yield* choose(1); // the others may begin
  yield* taskNumaWork(k, p.mm as Mm, A, A + 1);
}

/** Its fault moves the page. */
function* reader(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* userRead(k, p, A);
}

/** Each has the page, and writes once more if it still has. */
function* sharingDevice(k: Kernel, sub: MmuNotifier, wrote: Cell): Task {
  if (yield* svaWriteCached(k, sub, A, 3)) yield* writeOnce(wrote, 1);
}
function* classicDevice(k: Kernel, sub: MmuNotifier, wrote: Cell): Task {
  yield* choose(1);
  if (yield* mmuWrite(k, sub, 3)) yield* writeOnce(wrote, 1);
}

const inPlace = { numaMigration: "inPlace" } as const;
const late = { ...inPlace, without: ["numaInvalidatesFirst"] } as const;

interface Parameters {
  readonly inForce: Rules;
  /** Does the device share the page table, with only a TLB to be told about? Else it has its own table, and hears start and end. */
  readonly shares: boolean;
  /** Is the use of a freed page a finding of its own, or only what comes of it? */
  readonly checksFrames?: boolean;
}

const subscriber = (m: Machine, v: Parameters): MmuNotifier<SecondaryMmu> | MmuNotifier<SmmuSva> =>
  v.shares ? createSmmuSva(m, v.checksFrames) : createSecondaryMmu(m);

export default defineCase<Parameters>({
  id: "numa-thp-late-invalidate",
  title: "a device keeps writing while the page is being copied",
  class: "lost-write",
  text: `NUMA balancing makes the entry of a huge page inaccessible, drops the page-table lock, and flushes later. A fault in between moves the
page: the entry is inaccessible, so it only needs to flush the TLBs of the CPUs before it copies. A device that shares the page table
and listens to invalidate_range alone hears of all this when the balancer ends its section, after the copy: what it wrote meanwhile is in
the old page, which soon is somebody else's: the atlas's text has the lost write, the use of a freed page comes with it.

*Fix:* the fault tells such devices before it copies. Who hears start and end was told before the entry changed, and is safe in both
kernels; since v5.14 huge pages move through migration entries like all others, which announce themselves. In the model the entry is of
one page; the way in which it moves is that of huge pages.`,
  sources: [
    { ref: "7066f0f933a1", what: "mm: thp: fix mmu_notifier in migrate_misplaced_transhuge_page(), v4.20" },
    { ref: "c5b5a3dd2c1f", what: "mm: thp: refactor NUMA fault handling, v5.14: no more moves in place" },
  ],
  variants: {
    buggy: {
      ...under("linux-5.7", late),
      shares: true,
      checksFrames: false,
      about: "up to v4.19, a device that shares the page table: what becomes of its writes",
      expect: "lost-write",
    },
    "buggy-freed": {
      ...under("linux-5.7", late),
      shares: true,
      about: "the same: where they go",
      expect: "use-after-free",
    },
    fixed: { ...under("linux-5.7", inPlace), shares: true, about: "v4.20: told before the copy", expect: "ok" },
    "buggy-start-end": {
      ...under("linux-5.7", late),
      shares: false,
      about: "up to v4.19, a device that hears start and end (KVM)",
      expect: "ok",
    },
    "migration-entries": {
      ...under("linux-6.1"),
      shares: true,
      about: "v5.14: through migration entries",
      expect: "ok",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, nodes: 2, frames: 8 });
    m.spawn("main", main, [k, createProcess(k), subscriber(m, v), v.shares, cell("wrote")], { children: 3 });
  },
});
