import { expect, test } from "vitest";
import type { Task } from "../../machine/core.ts";
import { explore } from "../explore.testkit.ts";
import type { Kernel } from "../kernel.ts";
import type { Mm } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import type { IntervalNotifier, IntervalNotifierOps } from "../mmuNotifierTypes.ts";
import * as kit from "./devices.testkit.ts";
import { createMirror } from "./devices.ts";
import { anonPages } from "./pages.ts";
import { A, smallKernel } from "./small.ts";

type MapTask = (k: Kernel, notifier: IntervalNotifier, mm: Mm) => Task<unknown>;

/** A mapper against one madvise, with the claim that device and CPU agree. */
function against(
  map: MapTask,
  options: { ops?: IntervalNotifierOps; inserted?: boolean; other?: boolean; droppers?: number } = {},
) {
  return explore((m) => {
    const k = smallKernel(m, { watchPtes: false });
    const p = createProcess(k);
    const mm = p.mm as Mm;
    m.boot(anonPages, [k, p, A, 1]);
    const { notifier } = createMirror(m, k, mm, A, 1, options);
    if (options.other) createMirror(m, k, mm, A, 1, { name: "other" });
    m.spawn("mapper", map, [k, notifier, mm]);
    for (let i = 0; i < (options.droppers ?? 1); i++) m.spawn(`dropper${i}`, kit.drops, [k, p]);
  });
}

test("the protocol keeps device and CPU together, from the first insertion on", () => {
  expect(against(kit.maps)).toMatchObject({ verdict: "ok", message: "" });
  expect(against(kit.insertsAndMaps, { inserted: false, other: true })).toMatchObject({ verdict: "ok", message: "" });
});

test("each part of the mapper's protocol is needed", () => {
  expect(against(kit.mapsWithoutRetry).verdict).toBe("stale-mapping");
  expect(against(kit.mapsWithoutLock).verdict).toBe("data-race");
  expect(against(kit.mapsWithRetryBeforeLock).verdict).toBe("stale-mapping");
  expect(against(kit.mapsWithLateBegin).verdict).toBe("stale-mapping");
});

test("a fresh subscriber may be missed by a section that is open: the first read_begin is what waits for it", () => {
  expect(against(kit.insertsAndMapsWithoutBegin, { inserted: false, other: true }).verdict).toBe("stale-mapping");
});

test("each part of the callback's protocol is needed", () => {
  expect(against(kit.maps, { ops: { invalidate: kit.invalidateWithoutSeq } }).verdict).toBe("stale-mapping");
  expect(against(kit.maps, { ops: { invalidate: kit.invalidateWithoutTeardown } }).verdict).toBe("stale-mapping");
  expect(against(kit.maps, { ops: { invalidate: kit.invalidateWithoutLock } }).verdict).toBe("data-race");
});

test("read_begin and remove under the lock of the callback deadlock, and so does remove from a callback", () => {
  // read_begin waits only once its own callback has run, so with the lock it takes a second section to get stuck.
  expect(against(kit.beginsUnderLock).verdict).toBe("ok");
  expect(against(kit.beginsUnderLock, { droppers: 2 }).verdict).toBe("deadlock");
  expect(against(kit.removesUnderLock).verdict).toBe("deadlock");
  expect(against(kit.maps, { ops: { invalidate: kit.invalidateAndRemove } }).verdict).toBe("deadlock");
});
