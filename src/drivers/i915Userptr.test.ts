import { expect, test } from "vitest";
import { cell } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { EAGAIN } from "../machine/errno.ts";
import { signaledBy } from "../machine/fence.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { flushWork, type Work, work, workqueue } from "../machine/workqueue.ts";
import { explore } from "../mm/explore.testkit.ts";
import { rules } from "../mm/rules.ts";
import { pinAtSetUp } from "../mm/slice/gup.ts";
import type { Kernel } from "../mm/slice/kernel.ts";
import { claimReferences } from "../mm/slice/leak.ts";
import { madviseDontneed } from "../mm/slice/memory.ts";
import { oomReapArea } from "../mm/slice/oomKill.ts";
import { smallWorld } from "../mm/slice/world.testkit.ts";
import { runRequest, submitRequest } from "./i915Request.ts";
import {
  createUserptr,
  getPages,
  getPagesWorker,
  i915MmuNotifier,
  setBound,
  setInstalled,
  setWorkPending,
  type UserptrObject,
} from "./i915Userptr.ts";

const linux = rules("linux-5.10");

function* getsPages(k: Kernel, object: UserptrObject, worker: Work, attempts: number): Task {
  let error = -EAGAIN;
  for (let i = 0; i < attempts && error === -EAGAIN; i++) {
    error = yield* getPages(k, object, worker);
    if (error === -EAGAIN) yield* flushWork(worker);
  }
  must(error === 0, "assertion", `get_pages failed with ${error}`);
}

/** An object of two pages, `resident` of them there, and room for everything. */
function set(m: Machine, resident: number) {
  const { k, mm, folios } = smallWorld(m, linux, { pages: 2, resident, frames: 4 });
  const object = createUserptr(m, i915MmuNotifier(m, mm), 0, 2);
  const worker = work("getPages", workqueue("userptr"), getPagesWorker, k, object);
  claimReferences(m, k, () => ({ pinned: [...object.pages, ...object.pvec], memory: [object.sgTable] }));
  return { k, mm, folios, object, worker };
}

test("pages that are there are pinned at once; else a worker fetches them and the second call has them", () => {
  for (const [resident, attempts] of [
    [2, 1],
    [1, 2],
    [0, 2],
  ] as const) {
    const r = explore((m) => {
      const { k, object, worker } = set(m, resident);
      m.spawn("user", getsPages, [k, object, worker, attempts]);
      m.atEnd("in the tree", () => object.active && object.hasPages);
      m.atEnd("pinned", () => k.folios.filter((f) => f.refcount.value >= 1024).length === 2);
    });
    expect(r).toMatchObject({ verdict: "ok", message: "" });
  }
});

test("an invalidation gives idle pages back, and waits for the GPU when a job uses them", () => {
  for (const busy of [false, true]) {
    const r = explore((m) => {
      const { k, mm, folios, object } = set(m, 2);
      (busy ? setBound : setInstalled)(object, folios.map(pinAtSetUp));
      if (busy) {
        const submitted = cell("submitted");
        const gpu = m.spawn("gpu", runRequest, [object.requests, submitted], { daemon: true });
        signaledBy(object.requests, m.spawn("requester", submitRequest, [k, object.requests, submitted, gpu]));
      }
      m.spawn("dropper", madviseDontneed, [k, mm, 0, 1]);
      m.atEnd("given back", () => !object.hasPages && !object.active);
    });
    expect(r).toMatchObject({ verdict: "ok", message: "" });
  }
});

test("an invalidation in the middle cancels the worker, and every pin goes back", () => {
  const r = explore((m) => {
    const { k, mm, object } = set(m, 1);
    setWorkPending(object);
    m.spawn("worker", getPagesWorker, [k, object]);
    m.spawn("dropper", madviseDontneed, [k, mm, 0, 2]);
  });
  expect(r).toMatchObject({ verdict: "ok", message: "" });
});

test("the OOM reaper is refused as long as the object is in the tree", () => {
  for (const active of [false, true]) {
    const r = explore((m) => {
      const { k, mm, folios, object } = set(m, 2);
      if (active) setInstalled(object, folios.map(pinAtSetUp));
      m.spawn("reaper", reaps, [k, mm, !active]);
    });
    expect(r).toMatchObject({ verdict: "ok", message: "" });
  }
});

function* reaps(k: Kernel, mm: UserptrObject["notifier"]["mm"], expected: boolean): Task {
  const reaped = yield* oomReapArea(k, mm, 0, 2);
  must(reaped === expected, "assertion", `reaped: ${reaped}`);
}
