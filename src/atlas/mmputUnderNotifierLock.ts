import { createOdpUmem, type OdpUmem, odpPageFault, type PutMm } from "../drivers/odpFault.ts";
import type { Task } from "../machine/core.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { sysExit } from "../mm/exit.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userWrite } from "../mm/memory.ts";
import { sysMmap } from "../mm/mmap.ts";
import { type AsyncPuts, createAsyncPuts } from "../mm/mmputAsync.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { mmuIntervalNotifierInsert, mmuIntervalNotifierRemove } from "../mm/mmuIntervalNotifier.ts";
import type { IntervalNotifier } from "../mm/mmuNotifierTypes.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { A, smallKernel } from "../mm/world/small.ts";

/** The process has a region that the device may ask for, and goes. */
function* main(k: Kernel, p: Process, sub: IntervalNotifier<OdpUmem>, puts: AsyncPuts): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  yield* mmuIntervalNotifierInsert(k, sub, p.mm as Mm, A, 1);
  const worker = spawn(fault, k, sub, puts);
  yield* choose(1); // anybody may begin
  yield* sysExit(k, p);
  yield* join(worker);
  yield* mmuIntervalNotifierRemove(k, sub);
}

function* fault(k: Kernel, sub: IntervalNotifier<OdpUmem>, puts: AsyncPuts): Task {
  yield* choose(1);
  yield* odpPageFault(k, sub, A, puts);
}

export default defineCase<{ how: PutMm }>({
  id: "mmput-under-notifier-lock",
  title: "the last user of the mm was mine, and I hold the lock of the callback",
  class: "deadlock",
  text: `Who faults pages in for a device needs a user of the mm for that long. The process may exit meanwhile: then it is the
device's worker who drops the last user, and with it runs exit_mmap and all release callbacks; his own among them.

*Buggy run:* the worker has a user; the process exits; the worker takes umem_mutex, which the function returns locked by
design, and puts the user: last one, exit_mmap, the callback of this region wants umem_mutex. *Fix:* mmput_async.`,
  sources: [{ ref: "85eaeb5058f0", what: "IB/core: Fix a nested dead lock as part of ODP flow, v6.0; CVE-2022-48675" }],
  variants: {
    buggy: { how: "locked", expect: "deadlock", about: "v5.10: mmput with umem_mutex held" },
    fixed: { how: "async", expect: "ok", about: "v6.0: mmput_async" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    const sub = createOdpUmem(m, k, v.how);
    m.spawn("main", main, [k, createProcess(k), sub, createAsyncPuts(m, k)], { children: 1 });
  },
});
