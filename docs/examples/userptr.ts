/**
 * A driver that lets its device use a page of a process: one mutex, and the callback of an interval notifier, on the model
 * of the real memory management. Copy this file anywhere, and:  npx mayfail check userptr.ts
 */
import {
  ANON,
  createIntervalNotifier,
  createKernel,
  createMapping,
  createMm,
  defineCase,
  GFP_KERNEL,
  type IntervalNotifier,
  int,
  type Kernel,
  kfree,
  kmalloc,
  lock,
  mmuIntervalSetSeq,
  mutexField,
  populate,
  rangeBlockable,
  rules,
  struct,
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
  const early = under ? null : yield* kmalloc(k, GFP_KERNEL);
  yield* lock(device.mutex);
  const memory = under ? yield* kmalloc(k, GFP_KERNEL) : early;
  if (memory) device.mapped++;
  yield* unlock(device.mutex);
  yield* kfree(k, memory);
}

export default defineCase({
  id: "userptr",
  title: "an allocation and the mutex of the notifier callback",
  variants: { buggy: { under: true }, fixed: { under: false } },
  setup(m, { under }) {
    const k = createKernel(m, rules("linux-6.1"), 1);
    const mm = createMm(m, k, "mm", [{ mapping: createMapping(m, "anon", ANON, 1), pages: 1 }]);
    populate(k, mm, 0);
    const device = Device.create("device");
    createIntervalNotifier(m, mm, "device.notifier", [0, 1], { invalidate }, device);
    m.spawn("ioctl", ioctl, [k, device, under]);
  },
});
