/** The mirror of amdgpu, xe, nouveau and test_hmm under the contract: an interval notifier, no references. */
import { type DeviceUnderTest, defineDriver, hardwareStore } from "../../drivers/underTest.ts";
import type { Task } from "../../machine/core.ts";
import { EAGAIN } from "../../machine/errno.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import type { Kernel } from "../../mm/kernel.ts";
import type { Mm } from "../../mm/mmTypes.ts";
import { mmuIntervalNotifierInsert, mmuIntervalNotifierRemove } from "../../mm/mmuIntervalNotifier.ts";
import type { IntervalNotifier } from "../../mm/mmuNotifierTypes.ts";
import type { Vpn } from "../../mm/page.ts";
import {
  createMirror,
  type Device,
  deviceStop,
  mirrorMap,
  mirrorOps,
  mirrorOpsWithoutSeq,
} from "../../mm/world/devices.ts";

function* mapAll(k: Kernel, sub: IntervalNotifier, at: Vpn, n: number, careful: boolean): Task<number> {
  let error = 0;
  for (let i = 0; i < n && error === 0; i++) error = yield* mirrorMap(k, sub, at + i, true, careful);
  return error;
}

/** A store through the device's page table. */
function* store(k: Kernel, dev: Device, at: Vpn, content: number): Task<number> {
  yield* lock(dev.lock);
  const entry = dev.table.entry[at - dev.start];
  if (entry !== 0) hardwareStore(k, entry >> 2, dev.table.generation[at - dev.start], content);
  yield* unlock(dev.lock);
  return entry === 0 ? -EAGAIN : 0;
}

function* close(k: Kernel, sub: IntervalNotifier): Task {
  yield* deviceStop(sub.driver as Device);
  yield* mmuIntervalNotifierRemove(k, sub);
}

export default defineDriver({
  id: "mirror",
  title: "a page table that mirrors a process's, as in amdgpu, xe, nouveau and test_hmm",
  variants: {
    good: { careful: true, setsSeq: true, breaks: [] },
    hasty: { careful: false, setsSeq: true, about: "does not look again before it maps", breaks: ["C04"] },
    silent: { careful: true, setsSeq: false, about: "the callback does not move the sequence", breaks: ["C04"] },
  },
  create(m, k, { process, start, count, name }, { careful, setsSeq }): DeviceUnderTest {
    const ops = setsSeq ? mirrorOps : mirrorOpsWithoutSeq;
    const { mirror, notifier } = createMirror(m, k, process.mm as Mm, start, count, {
      ...{ ops, name },
      inserted: false,
      watched: false, // the bench watches
    });
    return {
      open: () => mmuIntervalNotifierInsert(k, notifier, process.mm as Mm, start, count),
      map: (kernel, at, n) => mapAll(kernel, notifier, at, n, careful),
      access: (kernel, at, content) => store(kernel, mirror, at, content),
      close: (kernel) => close(kernel, notifier),
      table: () => mirror.table.entry,
    };
  },
});
