/** For tests: mappers and callbacks of a mirror, each with one part of the protocol missing. */
import { readOnce } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import type { Kernel } from "../kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../madvise.ts";
import type { Mm, Process } from "../mmTypes.ts";
import {
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from "../mmuIntervalNotifier.ts";
import type { IntervalNotifier } from "../mmuNotifierTypes.ts";
import { type Device, mirrorCollect, mirrorMap, programDevice, unmapDevice } from "./devices.ts";
import { A } from "./small.ts";

const deviceOf = (sub: IntervalNotifier): Device => sub.driver as Device;

export function* drops(k: Kernel, p: Process): Task {
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
}

export function* maps(k: Kernel, sub: IntervalNotifier): Task {
  yield* mirrorMap(k, sub, A, true);
}

export function* insertsAndMaps(k: Kernel, sub: IntervalNotifier, mm: Mm): Task {
  yield* mmuIntervalNotifierInsert(k, sub, mm, A, 1);
  yield* maps(k, sub);
}

export function* mapsWithoutRetry(k: Kernel, sub: IntervalNotifier): Task {
  const seq = yield* mmuIntervalReadBegin(sub);
  yield* programWith(k, sub, seq);
}

/** What it collects may be outdated when it is programmed. */
function* programWith(k: Kernel, sub: IntervalNotifier, seq: number): Task {
  if ((yield* mirrorCollect(k, sub, seq, A, 1)) !== 0) return;
  yield* lock(deviceOf(sub).lock);
  programDevice(k, deviceOf(sub), A, 1);
  yield* unlock(deviceOf(sub).lock);
}

export function* mapsWithoutLock(k: Kernel, sub: IntervalNotifier): Task {
  const seq = yield* mmuIntervalReadBegin(sub);
  if ((yield* mirrorCollect(k, sub, seq, A, 1)) !== 0) return;
  if (!(yield* mmuIntervalReadRetry(sub, seq))) programDevice(k, deviceOf(sub), A, 1);
}

export function* mapsWithRetryBeforeLock(k: Kernel, sub: IntervalNotifier): Task {
  const seq = yield* mmuIntervalReadBegin(sub);
  if ((yield* mirrorCollect(k, sub, seq, A, 1)) !== 0) return;
  if (yield* mmuIntervalReadRetry(sub, seq)) return;
  yield* lock(deviceOf(sub).lock);
  programDevice(k, deviceOf(sub), A, 1);
  yield* unlock(deviceOf(sub).lock);
}

export function* mapsWithLateBegin(k: Kernel, sub: IntervalNotifier): Task {
  const old = yield* readOnce(sub.invalidateSeq);
  if ((yield* mirrorCollect(k, sub, old, A, 1)) !== 0) return;
  const seq = yield* mmuIntervalReadBegin(sub);
  yield* lock(deviceOf(sub).lock);
  if (!(yield* mmuIntervalReadRetry(sub, seq))) programDevice(k, deviceOf(sub), A, 1);
  yield* unlock(deviceOf(sub).lock);
}

export function* insertsAndMapsWithoutBegin(k: Kernel, sub: IntervalNotifier, mm: Mm): Task {
  yield* mmuIntervalNotifierInsert(k, sub, mm, A, 1);
  yield* programWith(k, sub, yield* readOnce(sub.invalidateSeq));
}

export function* invalidateWithoutSeq(_k: Kernel, sub: IntervalNotifier, start: number, end: number): Task<boolean> {
  yield* lock(deviceOf(sub).lock);
  unmapDevice(deviceOf(sub), start, end);
  yield* unlock(deviceOf(sub).lock);
  return true;
}

export function* invalidateWithoutTeardown(
  _k: Kernel,
  sub: IntervalNotifier,
  _s: number,
  _e: number,
  _f: number,
  seq: number,
): Task<boolean> {
  yield* lock(deviceOf(sub).lock);
  yield* mmuIntervalSetSeq(sub, seq);
  yield* unlock(deviceOf(sub).lock);
  return true;
}

export function* invalidateWithoutLock(
  _k: Kernel,
  sub: IntervalNotifier,
  start: number,
  end: number,
  _f: number,
  seq: number,
): Task<boolean> {
  yield* mmuIntervalSetSeq(sub, seq);
  unmapDevice(deviceOf(sub), start, end);
  return true;
}

export function* beginsUnderLock(_k: Kernel, sub: IntervalNotifier): Task {
  yield* lock(deviceOf(sub).lock);
  yield* mmuIntervalReadBegin(sub);
  yield* unlock(deviceOf(sub).lock);
}

export function* removesUnderLock(k: Kernel, sub: IntervalNotifier): Task {
  yield* lock(deviceOf(sub).lock);
  yield* mmuIntervalNotifierRemove(k, sub);
  yield* unlock(deviceOf(sub).lock);
}

export function* invalidateAndRemove(k: Kernel, sub: IntervalNotifier): Task<boolean> {
  yield* mmuIntervalNotifierRemove(k, sub);
  return true;
}
