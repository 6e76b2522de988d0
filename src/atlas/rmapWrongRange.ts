import { createSecondaryMmu, mmuMap, mmuWrite, mmuZap } from "../drivers/secondaryMmu.ts";
import type { Task } from "../machine/core.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import type { Kernel } from "../mm/kernel.ts";
import { MADV_COLD, sysMadvise } from "../mm/madvise.ts";
import { userWrite } from "../mm/memory.ts";
import { sysMmap } from "../mm/mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { type MmuNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "../mm/mmuNotifier.ts";
import type { Rules } from "../mm/rules.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { under } from "../mm/world/onePage.ts";
import { leave, reclaims, swapKernel } from "../mm/world/reclaim.ts";
import { A } from "../mm/world/small.ts";

/** The VMA begins at A; the page is the next one. */
const PAGE = A + 1;

function* main(k: Kernel, p: Process, sub: MmuNotifier): Task {
  yield* sysMmap(k, p, A, 2, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, PAGE, 1);
  yield* lruAddDrain(k);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  yield* mmuMap(k, sub, PAGE);
  yield* sysMadvise(k, p, PAGE, 1, MADV_COLD);
  const kswapd = spawn(reclaims, k);
  const guest = spawn(writes, k, sub);
  yield* join(kswapd);
  yield* join(guest);
  yield* mmuZap(sub);
  yield* mmuNotifierUnregister(k, sub);
  yield* leave(k, p);
}

function* writes(k: Kernel, sub: MmuNotifier): Task {
  yield* choose(1); // reclaim may begin
  yield* mmuWrite(k, sub, 2);
}

const wrong = { without: ["unmapNamesPage"] } as const;

export default defineCase<{ inForce: Rules; watchPtes: boolean }>({
  id: "rmap-wrong-range",
  title: "notified the start of the VMA instead of the page",
  class: "missed-notification",
  text: `When the arguments of the notifier became a struct, try_to_unmap_one filled it in with the start of the VMA in place of the address
of the page. Reclaim announced one page, took another one away, and freed it; the guest kept its entry for it and wrote to what was
somebody else's memory by then. KVM saw bad page states under memory pressure.

*Fix:* the address. Found by its consequences (row \`buggy-freed\`), although the cause is visible in each single call to whoever compares
entry and announcement (row \`buggy\`).`,
  sources: [
    {
      ref: "ac46d4f3c432",
      what: "mm/mmu_notifier: use structure for invalidate_range_start/end calls v2, v5.0-rc1: the cause",
    },
    {
      ref: "1f18b296699c",
      what: "the address again, v5.0 (mail of 10 January 2019, Sean Christopherson; id not checked)",
    },
  ],
  variants: {
    buggy: {
      ...under("linux-5.7", wrong),
      watchPtes: true,
      about: "v5.0-rc1: each change of an entry is held against what was announced",
      expect: "missed-notification",
    },
    "buggy-freed": {
      ...under("linux-5.7", wrong),
      watchPtes: false,
      about: "v5.0-rc1: only what comes of it counts",
      expect: "use-after-free",
    },
    fixed: { ...under("linux-5.7"), watchPtes: true, about: "v5.0: the address of the page", expect: "ok" },
  },
  setup(m, v) {
    const k = swapKernel(m, { rules: v.inForce, watchPtes: v.watchPtes });
    m.spawn("main", main, [k, createProcess(k), createSecondaryMmu(m)], { children: 2 });
  },
});
