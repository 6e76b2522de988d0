/**
 * A case of one's own: what the battery of `mayfail check --driver` does not try, or what one wants to see by itself. Here a
 * process drops a page that its device is about to map.
 */
import {
  A,
  anonPages,
  claimCoherence,
  createProcess,
  type DeviceUnderTest,
  defineCase,
  EAGAIN,
  type Kernel,
  MADV_DONTNEED,
  type Mm,
  type Process,
  swapKernel,
  sysMadvise,
  type Task,
} from "../../index.ts";
import driver from "./skeleton.ts";

/** Userspace opens the device, and asks until the hardware has written to the page, or is told that it cannot. */
function* useDevice(k: Kernel, device: DeviceUnderTest): Task {
  if ((yield* device.open(k)) !== 0) return;
  for (;;) {
    let error = yield* device.map(k, A, 1);
    if (error === 0) error = yield* device.access(k, A, 3);
    if (error !== -EAGAIN) break;
  }
  yield* device.close(k);
}

/** Another thread of the process. */
function* drop(k: Kernel, process: Process): Task {
  yield* sysMadvise(k, process, A, 1, MADV_DONTNEED);
}

export default defineCase({
  id: "skeleton",
  title: "a process drops a page that its device is about to map",
  variants: {
    good: { driver: "good", expect: "ok" },
    hasty: { driver: "hasty", expect: "stale-mapping" },
  },
  setup(m, variant) {
    const k = swapKernel(m);
    const process = createProcess(k);
    m.boot(anonPages, [k, process, A, 1]); // the page is there when the first step is made
    const place = { process, start: A, count: 1, name: "device", sibling: null };
    const device = m.keep(driver.create(m, k, place, variant.driver));
    // Tested after every step: what the device maps is what the process maps.
    if (device.table) claimCoherence(m, k, process.mm as Mm, A, "device", device.table);
    m.spawn("userspace", useDevice, [k, device]);
    m.spawn("drop", drop, [k, process]);
  },
});
