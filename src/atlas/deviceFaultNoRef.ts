import { createDeviceMemory, type DeviceMemory, migrateFromDevice, migrateToDevice } from "../drivers/deviceMemory.ts";
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

/** The driver needs its memory for something else. */
function* evicts(k: Kernel, device: DeviceMemory, mm: Mm): Task {
  yield* migrateFromDevice(k, device, mm, A, A + 1);
}

export default defineCase<Under>({
  id: "device-fault-no-ref",
  title: "a CPU faults on a page of a device, and has no reference to it",
  class: "uaf",
  text: `A page that went to a device has an entry which says where it is. A CPU that comes across one calls the driver, who is to
bring the page back. It had read the entry without a lock and took no reference.

*Buggy run:* a CPU reads the entry; another one migrates the page back, and the page of the device is free; the driver reads the
private data of a page that is free, or somebody else's. *Fix:* under the page-table lock, look whether the entry is still the
same, and take a reference. That made device-private-ref-livelock (case 33) possible, and the cure of that
hmm-trylock-starvation (case 34): three fixes in a row, each the cause of the next bug.`,
  sources: [{ ref: "16ce101db85d", what: "mm/memory.c: fix race when faulting a device private page, v6.1" }],
  variants: {
    buggy: { ...under("linux-6.1", { deviceFault: "noRef" }), expect: "use-after-free", about: "no reference" },
    fixed: { ...under("linux-6.1"), expect: "ok", about: "v6.1: a reference" },
    "fixed-6.15": {
      ...under("linux-6.1", { deviceFault: "trylock" }),
      expect: "ok",
      about: "v6.15: trylock and a reference",
    },
    "fixed-7.0": {
      ...under("linux-6.1", { deviceFault: "wait" }),
      expect: "ok",
      about: "v7.0: the same, and who fails waits",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, devicePages: 1 });
    const p = createProcess(k);
    const mm = p.mm as Mm;
    const device = createDeviceMemory(m, k, "device", 1);
    m.boot(anonPages, [k, p, A, 1]);
    m.boot(boots, [k, device, mm]);
    m.spawn("cpu0", reads, [k, p]);
    m.spawn("cpu1", evicts, [k, device, mm]);
  },
});
