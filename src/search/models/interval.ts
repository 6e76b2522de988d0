/**
 * The sequence protocol of mmu_interval_notifier as a driver's author would write it: locks, fields with guards, cells
 * for what is read without a lock. The same program as `bench/spin/interval.pml`.
 */
import { type Cell, cellField, point, readOnce, touch, writeOnce } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { assert } from "../../machine/finding.ts";
import type { Machine } from "../../machine/machine.ts";
import { lock, mutexField, unlock } from "../../machine/mutex.ts";
import { int, type StructOf, struct } from "../../machine/struct.ts";
import { until } from "../../machine/wait.ts";

export interface IntervalBugs {
  /** The sequence is compared before the driver's lock is taken. */
  readonly earlyCheck?: boolean;
  /** The callback takes no lock. */
  readonly noLock?: boolean;
}

const oracle = "the assertions look at it from outside";

const mmFields = {
  lock: mutexField(),
  /** mmu_notifier_subscriptions.invalidate_seq: odd while an invalidation runs. Waiters read it without the lock. */
  invSeq: cellField(2),
  active: int({ guardedBy: "lock" }),
  /** Generation of the page that the CPU maps. */
  pte: cellField(1),
};
const deviceFields = {
  lock: mutexField(),
  /** mmu_interval_notifier.invalidate_seq. */
  seq: cellField(1),
  /** Generation of the page that the device maps, 0 = none. */
  mapped: int({ ordered: oracle }),
};
type Mm = StructOf<typeof mmFields>;
type Device = StructOf<typeof deviceFields>;
const Mm = struct("mm", mmFields);
const Device = struct("device", deviceFields);

function* invalidator(mm: Mm, devices: readonly Device[], bugs: IntervalBugs): Task {
  yield* lock(mm.lock);
  mm.active++;
  yield* touch(mm.invSeq);
  mm.invSeq.value |= 1;
  const seq = mm.invSeq.value;
  yield* unlock(mm.lock);
  for (const device of devices) yield* invalidate(device, seq, bugs);
  yield* touch(mm.pte);
  for (const device of devices) assert(device.mapped === 0, `${device.name} still maps the page`);
  mm.pte.value++;
  yield* lock(mm.lock);
  mm.active--;
  if (mm.active === 0) {
    yield* touch(mm.invSeq);
    mm.invSeq.value++;
  }
  yield* unlock(mm.lock);
}

function* invalidate(device: Device, seq: number, bugs: IntervalBugs): Task {
  if (!bugs.noLock) yield* lock(device.lock);
  yield* writeOnce(device.seq, seq);
  if (bugs.noLock) yield* point();
  device.mapped = 0;
  if (!bugs.noLock) yield* unlock(device.lock);
}

/** mmu_interval_read_begin. */
function* readBegin(mm: Mm, own: Cell): Task<number> {
  yield* lock(mm.lock);
  const seq = yield* readOnce(own);
  const now = yield* readOnce(mm.invSeq);
  yield* unlock(mm.lock);
  if (seq === now) yield* until(() => mm.invSeq.value !== seq, mm);
  return seq;
}

function* fault(mm: Mm, device: Device, tries: number, bugs: IntervalBugs): Task {
  for (let n = 0; n < tries; n++) {
    const seq = yield* readBegin(mm, device.seq);
    const page = yield* readOnce(mm.pte);
    if (bugs.earlyCheck && (yield* readOnce(device.seq)) !== seq) continue;
    yield* lock(device.lock);
    if (bugs.earlyCheck || (yield* readOnce(device.seq)) === seq) {
      if (bugs.noLock) yield* point();
      device.mapped = page;
      yield* unlock(device.lock);
      return;
    }
    yield* unlock(device.lock);
  }
}

/** K devices, M invalidators; a device gives up after `tries` faults that were invalidated. */
export function interval(devices: number, invalidators: number, bugs: IntervalBugs = {}, tries = 2) {
  return (m: Machine): void => {
    const mm = Mm.create("mm");
    const all = Array.from({ length: devices }, (_, d) => Device.create(`device${d}`));
    for (let i = 0; i < invalidators; i++) m.spawn(`invalidator${i}`, invalidator, [mm, all, bugs]);
    all.forEach((device, d) => {
      m.spawn(`fault${d}`, fault, [mm, device, tries, bugs]);
    });
    m.atEnd(
      "devices map the page of the CPU or none",
      () => all.every((device) => device.mapped === 0 || device.mapped === mm.pte.value),
      "stale-mapping",
    );
  };
}
