import { createSmmuSva, type SmmuSva, svaRead, svaWrite } from "../drivers/smmuSva.ts";
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { sysExit } from "../mm/exit.ts";
import { sysFork } from "../mm/fork.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userWrite } from "../mm/memory.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { type MmuNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "../mm/mmuNotifier.ts";
import type { Rules } from "../mm/rules.ts";
import { leavePage, ownPage, under } from "../mm/world/onePage.ts";
import { A, smallKernel } from "../mm/world/small.ts";

function* main(k: Kernel, p: Process, sub: MmuNotifier<SmmuSva>, cpuWrites: boolean): Task {
  yield* ownPage(k, p);
  // A child that came and went leaves the entry read-only, though the page is the process's own.
  yield* sysExit(k, (yield* sysFork(k, p)) as Process);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  const a = spawn(device, k, sub);
  if (cpuWrites) yield* join(spawn(cpu, k, p));
  yield* join(a);
  yield* mmuNotifierUnregister(k, sub);
  yield* leavePage(k, p);
}

function* cpu(k: Kernel, p: Process): Task {
  yield* choose(1); // the device may begin
  yield* userWrite(k, p, A, 2);
}

function* device(k: Kernel, sub: MmuNotifier<SmmuSva>): Task {
  yield* svaRead(k, sub, A);
  const error = yield* svaWrite(k, sub, A, 3);
  must(error === 0, "assertion", `the device may write, and gets ${error}`);
}

const separate = { archInvalidatesSecondary: false } as const;

export default defineCase<{ inForce: Rules; cpuWrites: boolean }>({
  id: "secondary-tlb-permission-upgrade",
  title: "write allowed by the CPU's tables, refused for ever by the SMMU",
  class: "livelock",
  text: `A device shares the page table of a process through an SMMU, whose TLB keeps read-only entries too. A write fault makes the entry
writable: an upgrade, so no notifier is called, and only the TLBs of CPUs are flushed. The device writes, its TLB says no, the fault
handler finds an entry that allows everything and answers well, the device tries again, and its TLB says no.

*Fix:* secondary TLBs are told where the architecture flushes those of CPUs; the callback has been called
arch_invalidate_secondary_tlbs since. The only case here in which granting is the bug. The atlas's text has two threads, since the CPU
makes the entry writable; one is enough (row \`buggy-alone\`): the device's own write fault does it as well.`,
  sources: [
    { ref: "6bbd42e2df8f", what: "mmu_notifiers: call invalidate_range() when invalidating TLBs, v6.6" },
    { ref: "1af5a8109904", what: "mmu_notifiers: rename invalidate_range notifier, v6.6" },
  ],
  variants: {
    buggy: {
      ...under("linux-6.1", separate),
      cpuWrites: true,
      about: "up to v6.5: upgrades flush CPUs only; a CPU and the device",
      expect: "livelock",
    },
    "buggy-alone": {
      ...under("linux-6.1", separate),
      cpuWrites: false,
      about: "the same, the device alone",
      expect: "livelock",
    },
    fixed: {
      ...under("linux-6.1", { archInvalidatesSecondary: true }),
      cpuWrites: true,
      about: "v6.6: devices forget where CPUs are flushed",
      expect: "ok",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, tables: 10 });
    m.spawn("main", main, [k, createProcess(k), createSmmuSva(m), v.cpuWrites], { children: 2 });
  },
});
