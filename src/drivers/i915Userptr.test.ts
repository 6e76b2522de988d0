import { describe, expect, test } from "vitest";
import { cell } from "../machine/cell.ts";
import { signaledBy } from "../machine/fence.ts";
import type { Machine } from "../machine/machine.ts";
import { work, workqueue } from "../machine/workqueue.ts";
import { explore } from "../mm/explore.testkit.ts";
import type { Mm } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { rules } from "../mm/rules.ts";
import { ANON, mapPages } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";
import { runRequest, submitRequest } from "./i915Request.ts";
import { bindsPages, drops, getsPages, reaps } from "./i915Userptr.testkit.ts";
import { createUserptr, getPages, getPagesWorker, i915MmuNotifier, setWorkPending } from "./i915Userptr.ts";

/** An object of two pages, `resident` of them there, and room for everything. */
function set(m: Machine, resident: number) {
  const k = smallKernel(m, { rules: rules("linux-5.10") });
  const p = createProcess(k);
  m.boot(mapPages, [k, p, A, 2, ANON, resident]);
  const object = createUserptr(m, k, i915MmuNotifier(m, k, p.mm as Mm), A, 2);
  return { k, p, object, worker: work("getPages", workqueue("userptr"), getPagesWorker, k, object) };
}

test.each([
  [2, 1],
  [1, 2],
  [0, 2],
])("with %i pages there, call %i has them all, pinned and in the tree", (resident, attempts) => {
  const r = explore((m) => {
    const { k, object, worker } = set(m, resident);
    m.spawn("user", getsPages, [k, object, worker, attempts]);
    m.atEnd("in the tree", () => object.active && object.hasPages);
    m.atEnd("pinned", () => [...object.pages.pfn].every((pfn) => k.frames.refcount[pfn] >= 1024));
  });
  expect([r.verdict, r.message]).toEqual(["ok", ""]);
});

test.each([false, true])("an invalidation gives pages back; used by a job: %s, then it waits for the GPU", (busy) => {
  const r = explore((m) => {
    const { k, p, object, worker } = set(m, 2);
    m.boot(busy ? bindsPages : getPages, [k, object, worker]);
    if (busy) {
      const submitted = cell("submitted");
      const gpu = m.spawn("gpu", runRequest, [object.requests, submitted], { daemon: true });
      signaledBy(object.requests, m.spawn("requester", submitRequest, [k, object.requests, submitted, gpu]));
    }
    m.spawn("dropper", drops, [k, p, 1]);
    m.atEnd("given back", () => !object.hasPages && !object.active);
  });
  expect([r.verdict, r.message]).toEqual(["ok", ""]);
});

describe("while it is being acquired", () => {
  test("an invalidation cancels the worker, and every pin goes back", () => {
    const r = explore((m) => {
      const { k, p, object } = set(m, 1);
      setWorkPending(object);
      m.spawn("worker", getPagesWorker, [k, object]);
      m.spawn("dropper", drops, [k, p, 2]);
    });
    expect([r.verdict, r.message]).toEqual(["ok", ""]);
  });
});

test.each([false, true])("the OOM reaper is refused as long as the object is in the tree: %s", (active) => {
  const r = explore((m) => {
    const { k, p, object, worker } = set(m, 2);
    if (active) m.boot(getPages, [k, object, worker]);
    m.spawn("reaper", reaps, [k, p.mm as Mm, !active]);
  });
  expect([r.verdict, r.message]).toEqual(["ok", ""]);
});
