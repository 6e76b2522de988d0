/**
 * A driver that lets its device use a page of a process: one mutex, and the callback of an interval notifier, on the model
 * of the real memory management. Copy this file anywhere, and:  npx mayfail check userptr.ts
 */
import {
  A,
  anonPages,
  createHog,
  createIntervalNotifier,
  createProcess,
  defineCase,
  fillMemory,
  GFP_KERNEL,
  type IntervalNotifier,
  int,
  type Kernel,
  kfree,
  kmalloc,
  lock,
  type Mm,
  mmuIntervalNotifierInsert,
  mmuIntervalSetSeq,
  mutexField,
  rangeBlockable,
  struct,
  swapKernel,
  type Task,
  unlock,
  type Vpn,
} from "mayfail";

const Device = struct("Device", { mutex: mutexField(), mapped: int({ guardedBy: "mutex" }) });
type Device = ReturnType<typeof Device.create>;

/** The callback: a page is about to be taken away, so the device must let go of it before this returns. */
function* invalidate(
  _k: Kernel,
  sub: IntervalNotifier,
  _start: Vpn,
  _end: Vpn,
  flags: number,
  seq: number,
): Task<boolean> {
  const device = sub.driver as Device;
  if (!rangeBlockable(flags)) return false;
  yield* lock(device.mutex);
  yield* mmuIntervalSetSeq(sub, seq);
  device.mapped = 0;
  yield* unlock(device.mutex);
  return true;
}

/** An ioctl that needs memory: before the mutex is taken, or under it, where the allocation may call `invalidate`. */
function* ioctl(k: Kernel, device: Device, under: boolean): Task {
  const early = under ? 0 : yield* kmalloc(k, GFP_KERNEL);
  yield* lock(device.mutex);
  const memory = under ? yield* kmalloc(k, GFP_KERNEL) : early;
  if (memory !== 0) device.mapped++;
  yield* unlock(device.mutex);
  yield* kfree(k, memory);
}

export default defineCase({
  id: "userptr",
  title: "an allocation and the mutex of the notifier callback",
  variants: { buggy: { under: true }, fixed: { under: false } },
  setup(m, { under }) {
    const k = swapKernel(m);
    const process = createProcess(k);
    const device = Device.create("device");
    const notifier = createIntervalNotifier(m, k, "device.notifier", { invalidate }, device);
    const hog = createHog(k);
    // When the first step is made, the page is there, cold, the device listens, and no frame is free.
    m.boot(anonPages, [k, process, A, 1]);
    m.boot(mmuIntervalNotifierInsert, [k, notifier, process.mm as Mm, A, 1]);
    m.boot(fillMemory, [k, hog]);
    m.spawn("ioctl", ioctl, [k, device, under]);
  },
});
