/**
 * The sequence protocol of mmu_interval_notifier, one visible operation for each step: the transition system of
 * `bench/spin/interval_g.pml`, state for state. M invalidators and K devices on one mm.
 *
 * Run it with `fine: true`, so that unlocking is a step, and without reduction; its numbers of distinct states are those
 * of Spin and TLC. Promela keeps the last value of a local variable until something else is assigned to it, whereas a
 * dead local of task code is zero: `alive` marks the places up to which Promela's locals count.
 */

import { point } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { assert } from "../../machine/finding.ts";
import type { Machine } from "../../machine/machine.ts";
import { lock, mutexField, unlock } from "../../machine/mutex.ts";
import { int, type StructOf, struct } from "../../machine/struct.ts";
import { until } from "../../machine/wait.ts";

const ordered = "every access follows a scheduling point of its own";

const mmFields = {
  lock: mutexField(),
  invSeq: int({ ordered, initial: 2 }),
  active: int({ ordered }),
  pte: int({ ordered, initial: 1 }),
};
const deviceFields = {
  lock: mutexField(),
  seq: int({ ordered, initial: 1 }),
  mapped: int({ ordered }),
};
type Mm = StructOf<typeof mmFields>;
type Device = StructOf<typeof deviceFields>;
const Mm = struct("mm", mmFields);
const Device = struct("device", deviceFields);

/** Locals that are part of the state up to here. */
function alive(..._locals: number[]): void {}

function* invalidator(mm: Mm, devices: readonly Device[]): Task {
  yield* lock(mm.lock);
  yield* point();
  mm.active++;
  mm.invSeq |= 1;
  const seq = mm.invSeq;
  yield* unlock(mm.lock);
  for (let d = 0; d < devices.length; d++) {
    yield* lock(devices[d].lock);
    yield* point();
    devices[d].seq = seq;
    yield* point();
    devices[d].mapped = 0;
    yield* unlock(devices[d].lock);
  }
  yield* point();
  alive(seq);
  for (const device of devices) assert(device.mapped === 0, "a device still maps the page");
  mm.pte++;
  yield* lock(mm.lock);
  yield* point();
  mm.active--;
  if (mm.active === 0) mm.invSeq++;
  yield* unlock(mm.lock);
}

function* fault(mm: Mm, device: Device, tries: number): Task {
  for (let n = 0; n < tries; n++) {
    yield* lock(mm.lock);
    yield* point();
    const seq = device.seq;
    const busy = seq === mm.invSeq;
    yield* unlock(mm.lock);
    if (busy) yield* until(() => mm.invSeq !== seq);
    yield* point();
    const pte = mm.pte;
    yield* lock(device.lock);
    yield* point();
    if (device.seq === seq) {
      yield* point();
      assert(pte === mm.pte, "the device maps a stale page");
      device.mapped = pte;
      yield* unlock(device.lock);
      alive(n);
      return;
    }
    yield* unlock(device.lock);
    alive(seq, pte);
  }
}

/** K devices, M invalidators; a device gives up after `tries` faults that were invalidated. */
export function intervalExact(devices: number, invalidators: number, tries = 2): (m: Machine) => void {
  return (m) => {
    const mm = Mm.create("mm");
    const all = Array.from({ length: devices }, (_, d) => Device.create(`device${d}`));
    for (let i = 0; i < invalidators; i++) m.spawn(`invalidator${i}`, invalidator, [mm, all]);
    for (const device of all) m.spawn(`fault${device.name.slice(6)}`, fault, [mm, device, tries]);
  };
}
