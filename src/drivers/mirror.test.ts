import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { explore } from "../mm/explore.testkit.ts";
import { rules } from "../mm/rules.ts";
import { hmmRangeFault } from "../mm/slice/hmm.ts";
import type { Kernel } from "../mm/slice/kernel.ts";
import { claimReferences } from "../mm/slice/leak.ts";
import { madviseDontneed } from "../mm/slice/memory.ts";
import {
  type IntervalNotifier,
  type IntervalNotifierOps,
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from "../mm/slice/mmuIntervalNotifier.ts";
import { smallWorld } from "../mm/slice/world.testkit.ts";
import { claimCoherence, createMirror, type Mirror, mirrorMap, programDevice } from "./mirror.ts";

type MapTask = (k: Kernel, mirror: Mirror, notifier: IntervalNotifier) => Task<unknown>;

/** A mapper against one madvise, with the claim that device and CPU agree. */
function against(
  map: MapTask,
  options: { ops?: IntervalNotifierOps; inserted?: boolean; other?: boolean; droppers?: number } = {},
) {
  return explore((m) => {
    const { k, mm } = smallWorld(m, rules("linux-6.1"), { pages: 1, resident: 1, frames: 2 });
    const { mirror, notifier } = createMirror(m, mm, options);
    if (options.other) createMirror(m, mm);
    claimCoherence(m, mirror);
    m.spawn("mapper", map, [k, mirror, notifier]);
    for (let i = 0; i < (options.droppers ?? 1); i++) m.spawn(`dropper${i}`, madviseDontneed, [k, mm, 0, 1]);
    claimReferences(m, k, () => ({ pinned: [], memory: [] }));
  });
}

function* maps(k: Kernel, mirror: Mirror, notifier: IntervalNotifier): Task {
  yield* mirrorMap(k, mirror, notifier, 0, 1);
}

function* insertsAndMaps(k: Kernel, mirror: Mirror, notifier: IntervalNotifier): Task {
  yield* mmuIntervalNotifierInsert(notifier);
  yield* maps(k, mirror, notifier);
}

function* collects(k: Kernel, mirror: Mirror, notifier: IntervalNotifier, seq: number): Task {
  yield* downRead(mirror.mm.mmapLock);
  yield* hmmRangeFault(k, mirror.mm, notifier, seq, 0, 1, mirror.pfns);
  yield* upRead(mirror.mm.mmapLock);
}

test("the protocol keeps device and CPU together, from the first insertion on", () => {
  expect(against(maps)).toMatchObject({ verdict: "ok", message: "" });
  expect(against(insertsAndMaps, { inserted: false, other: true })).toMatchObject({ verdict: "ok", message: "" });
});

function* mapsWithoutRetry(k: Kernel, mirror: Mirror, notifier: IntervalNotifier): Task {
  const seq = yield* mmuIntervalReadBegin(notifier);
  yield* collects(k, mirror, notifier, seq);
  yield* lock(mirror.lock);
  programDevice(mirror, 0, 1);
  yield* unlock(mirror.lock);
}

function* mapsWithoutLock(k: Kernel, mirror: Mirror, notifier: IntervalNotifier): Task {
  const seq = yield* mmuIntervalReadBegin(notifier);
  yield* collects(k, mirror, notifier, seq);
  if (!(yield* mmuIntervalReadRetry(notifier, seq))) programDevice(mirror, 0, 1);
}

function* mapsWithRetryBeforeLock(k: Kernel, mirror: Mirror, notifier: IntervalNotifier): Task {
  const seq = yield* mmuIntervalReadBegin(notifier);
  yield* collects(k, mirror, notifier, seq);
  if (yield* mmuIntervalReadRetry(notifier, seq)) return;
  yield* lock(mirror.lock);
  programDevice(mirror, 0, 1);
  yield* unlock(mirror.lock);
}

function* mapsWithLateBegin(k: Kernel, mirror: Mirror, notifier: IntervalNotifier): Task {
  yield* collects(k, mirror, notifier, 1);
  const seq = yield* mmuIntervalReadBegin(notifier);
  yield* lock(mirror.lock);
  if (!(yield* mmuIntervalReadRetry(notifier, seq))) programDevice(mirror, 0, 1);
  yield* unlock(mirror.lock);
}

test("each part of the mapper's protocol is needed", () => {
  expect(against(mapsWithoutRetry).verdict).toBe("stale-mapping");
  expect(against(mapsWithoutLock).verdict).toBe("data-race");
  expect(against(mapsWithRetryBeforeLock).verdict).toBe("stale-mapping");
  expect(against(mapsWithLateBegin).verdict).toBe("stale-mapping");
});

function* insertsAndMapsWithoutBegin(k: Kernel, mirror: Mirror, notifier: IntervalNotifier): Task {
  yield* mmuIntervalNotifierInsert(notifier);
  const seq = 1;
  yield* collects(k, mirror, notifier, seq);
  yield* lock(mirror.lock);
  programDevice(mirror, 0, 1);
  yield* unlock(mirror.lock);
}

test("a fresh subscriber may be missed by a section that is open: the first read_begin is what waits for it", () => {
  expect(against(insertsAndMapsWithoutBegin, { inserted: false, other: true }).verdict).toBe("stale-mapping");
});

function* invalidateWithoutSeq(_k: Kernel, sub: IntervalNotifier): Task<boolean> {
  const mirror = sub.driver as Mirror;
  yield* lock(mirror.lock);
  mirror.ptes[0].folio = null;
  yield* unlock(mirror.lock);
  return true;
}

function* invalidateWithoutTeardown(
  _k: Kernel,
  sub: IntervalNotifier,
  _s: number,
  _e: number,
  _f: number,
  seq: number,
) {
  const mirror = sub.driver as Mirror;
  yield* lock(mirror.lock);
  yield* mmuIntervalSetSeq(sub, seq);
  yield* unlock(mirror.lock);
  return true;
}

function* invalidateWithoutLock(_k: Kernel, sub: IntervalNotifier, _s: number, _e: number, _f: number, seq: number) {
  yield* mmuIntervalSetSeq(sub, seq);
  (sub.driver as Mirror).ptes[0].folio = null;
  return true;
}

test("each part of the callback's protocol is needed", () => {
  expect(against(maps, { ops: { invalidate: invalidateWithoutSeq } }).verdict).toBe("stale-mapping");
  expect(against(maps, { ops: { invalidate: invalidateWithoutTeardown } }).verdict).toBe("stale-mapping");
  expect(against(maps, { ops: { invalidate: invalidateWithoutLock } }).verdict).toBe("data-race");
});

function* beginsUnderLock(_k: Kernel, mirror: Mirror, notifier: IntervalNotifier): Task {
  yield* lock(mirror.lock);
  yield* mmuIntervalReadBegin(notifier);
  yield* unlock(mirror.lock);
}

function* removesUnderLock(k: Kernel, mirror: Mirror, notifier: IntervalNotifier): Task {
  yield* lock(mirror.lock);
  yield* mmuIntervalNotifierRemove(k, notifier);
  yield* unlock(mirror.lock);
}

function* invalidateAndRemove(k: Kernel, sub: IntervalNotifier): Task<boolean> {
  yield* mmuIntervalNotifierRemove(k, sub);
  return true;
}

test("read_begin and remove under the lock of the callback deadlock, and so does remove from a callback", () => {
  // read_begin waits only once its own callback has run, so with the lock it takes a second section to get stuck.
  expect(against(beginsUnderLock).verdict).toBe("ok");
  expect(against(beginsUnderLock, { droppers: 2 }).verdict).toBe("deadlock");
  expect(against(removesUnderLock).verdict).toBe("deadlock");
  expect(against(maps, { ops: { invalidate: invalidateAndRemove } }).verdict).toBe("deadlock");
});
