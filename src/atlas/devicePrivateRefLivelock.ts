import { createDeviceMemory, type DeviceMemory, migrateToDevice } from "../drivers/deviceMemory.ts";
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userRead } from "../mm/memory.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { type Under, under } from "../mm/world/onePage.ts";
import { anonPages } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";

function* boots(k: Kernel, device: DeviceMemory, mm: Mm): Task {
  must((yield* migrateToDevice(k, device, mm, A, A + 1)) === 0, "assertion", "the page does not go to the device");
}

function* reads(k: Kernel, p: Process): Task {
  const seen = yield* userRead(k, p, A);
  must(seen === 1, "lost-write", `1 was written, and ${seen} is read`);
}

export default defineCase<Under>({
  id: "device-private-ref-livelock",
  title: "two CPUs each have the reference that stops the other",
  class: "livelock",
  text: `Since device-fault-no-ref (case 56) a CPU that faults on a page of a device takes a reference. A page to which somebody else
has a reference cannot be migrated.

*Buggy run:* two threads of a process need the same page. Each takes a reference; the one that collects the page finds one
reference too many and puts it back; the other one found nothing to collect, and drops its own. Both fault again, and the
same can happen for ever. *Fix:* lock the folio first (trylock, as the page-table lock is held), and only then take the
reference: who fails has no reference, and faults again, which spins (case 34); since v7.0 it waits.`,
  sources: [
    { ref: "1afaeb8293c9", what: "mm/migrate: Trylock device page in do_swap_page, v6.15" },
    { ref: "16ce101db85d", what: "mm/memory.c: fix race when faulting a device private page, v6.1: the cause" },
  ],
  variants: {
    "before-6.1": {
      ...under("linux-6.1", { deviceFault: "noRef" }),
      expect: "use-after-free",
      about: "no reference: case 56",
    },
    buggy: { ...under("linux-6.1"), expect: "livelock", about: "v6.1: each fault takes a reference" },
    fixed: { ...under("linux-6.1", { deviceFault: "trylock" }), expect: "ok", about: "v6.15: the folio lock first" },
    "fixed-7.0": {
      ...under("linux-6.1", { deviceFault: "wait" }),
      expect: "ok",
      about: "v7.0: the same, and who fails waits",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, devicePages: 1 });
    const p = createProcess(k);
    const device = createDeviceMemory(m, k, "device", 1);
    m.boot(anonPages, [k, p, A, 1]);
    m.boot(boots, [k, device, p.mm as Mm]);
    m.spawn("cpu0", reads, [k, p]);
    m.spawn("cpu1", reads, [k, p]);
  },
});
