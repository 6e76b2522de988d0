import { createDeviceMemory, type DeviceMemory, migrateToDevice } from "../drivers/deviceMemory.ts";
import type { Task } from "../machine/core.ts";
import { type Cpu, cpu } from "../machine/cpu.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { defineCase } from "../machine/scenario.ts";
import { sysFork } from "../mm/fork.ts";
import { createPages, type Pages } from "../mm/gup.ts";
import { HMM_REQ_FAULT, hmmRangeFault } from "../mm/hmm.ts";
import { folioIsolateLru } from "../mm/isolate.ts";
import type { Kernel } from "../mm/kernel.ts";
import { createDrainWorks } from "../mm/lruDrainAll.ts";
import { userWrite } from "../mm/memory.ts";
import { sysMmap } from "../mm/mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { createIntervalNotifier, mmuIntervalNotifierInsert, mmuIntervalReadBegin } from "../mm/mmuIntervalNotifier.ts";
import type { IntervalNotifier, IntervalNotifierOps } from "../mm/mmuNotifierTypes.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { claimReferences } from "../mm/world/claims.ts";
import { type Under, under } from "../mm/world/onePage.ts";
import { frameAt } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";

/** Page A + 1 is on the device, and shared with a child; A is in RAM, and somebody has isolated it. */
function* boots(k: Kernel, p: Process, device: DeviceMemory, sub: IntervalNotifier, isolated: Pages): Task {
  yield* sysMmap(k, p, A, 2, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A + 1, 1);
  yield* migrateToDevice(k, device, p.mm as Mm, A + 1, A + 2);
  const child = (yield* sysFork(k, p)) as Process;
  yield* mmuIntervalNotifierInsert(k, sub, child.mm as Mm, A + 1, 1);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  isolated.pfn[0] = frameAt(k, p, A);
  yield* folioIsolateLru(k, isolated.pfn[0]);
}

/** M: the range goes to the device. What is there already is moved as well, as drivers of ranges do. */
function* moves(k: Kernel, p: Process, device: DeviceMemory): Task {
  yield* migrateToDevice(k, device, p.mm as Mm, A, A + 2);
}

/** H: another device needs page A + 1 of the child in RAM. */
function* faults(k: Kernel, sub: IntervalNotifier): Task {
  const mm = sub.mm as Mm;
  const pages = k.scratch;
  const seq = yield* mmuIntervalReadBegin(sub);
  yield* downRead(mm.mmapLock);
  yield* hmmRangeFault(k, mm, sub, seq, A + 1, A + 2, HMM_REQ_FAULT, pages);
  yield* upRead(mm.mmapLock);
}

const ignores: IntervalNotifierOps = {
  *invalidate(): Task<boolean> {
    return true;
  },
};

const trylock = under("linux-6.1", { deviceFault: "trylock" });
const waits = under("linux-6.1", { deviceFault: "wait" });

export default defineCase<Under & { preemptive: boolean; drains: boolean }>({
  id: "hmm-trylock-starvation",
  title: "who spins for a folio lock keeps the CPU from the work that its holder waits for",
  class: "livelock",
  text: `Since device-private-ref-livelock (case 33) a CPU that finds the folio of a device locked faults again, at once. The holder of
the lock may wait for lru_add_drain_all, which needs a work item to run on every CPU; on the CPU of the one who spins it
only runs if that one lets it.

It takes some preparation: a page of the device that two processes map, so that M, who moves a range of one of them to the device,
has it locked while the other one's entry still says "device"; and before it in the range a page of RAM that is on no LRU list,
so that M drains all CPUs: it might be in a batch of one. *Buggy run:* M has the folio lock and waits for the work on CPU c; H, on CPU c, spins in hmm_range_fault. With a kernel
that preempts H the work runs some time: the scheduler belongs to the bug. *Fix:* H sleeps until the folio is unlocked.`,
  sources: [
    { ref: "b570f37a2ce4", what: "mm: Fix a hmm_range_fault() livelock / starvation problem, v7.0; CVE-2026-43404" },
    { ref: "1afaeb8293c9", what: "mm/migrate: Trylock device page in do_swap_page, v6.15: the cause" },
  ],
  variants: {
    buggy: { ...trylock, preemptive: false, drains: true, expect: "livelock", about: "v6.15, no preemption" },
    preemptive: { ...trylock, preemptive: true, drains: true, expect: "ok", about: "v6.15, with preemption" },
    "no-drain": { ...trylock, preemptive: false, drains: false, expect: "ok", about: "no work on other CPUs" },
    fixed: { ...waits, preemptive: false, drains: true, expect: "ok", about: "v7.0: sleeps" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, frames: 8, devicePages: 1, tables: 12 });
    const p = createProcess(k);
    const c: Cpu = cpu("c", { preemptive: v.preemptive });
    const device = createDeviceMemory(m, k, "device", 1);
    const sub = createIntervalNotifier(m, k, "interval", ignores, device);
    if (v.drains) createDrainWorks(k, [c]);
    const isolated = createPages("isolated", 1);
    claimReferences(k, { got: [isolated] });
    m.boot(boots, [k, p, device, sub, isolated]);
    m.spawn("M", moves, [k, p, device]);
    m.spawn("H", faults, [k, sub], { cpu: c });
  },
});
