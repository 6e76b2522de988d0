/** For tests: a device with objects, a task that allocates with one of them locked, a GPU, and a module that goes. */
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { __GFP_NORETRY, GFP_KERNEL } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { wwAcquireFini, wwAcquireInit, wwLock, wwUnlock } from "../machine/wwMutex.ts";
import { createKernel, type Kernel } from "../mm/kernel.ts";
import { allocPage } from "../mm/pageAlloc.ts";
import { registerShrinker, unregisterShrinker } from "../mm/shrinker.ts";
import { folioPut } from "../mm/swap.ts";
import { createGem, type GemDevice, type GemPolicy, gemGetPages, gemPutPages, gemRetire, gemSubmit } from "./gem.ts";

export interface GemWorld {
  readonly k: Kernel;
  readonly gpu: GemDevice;
}

/** Set-up: all `frames` but the zero page fit into the objects, so that one page more must come from the shrinker. */
export function gemWorld(m: Machine, sizes: readonly number[], policy: GemPolicy, frames: number): GemWorld {
  const k = createKernel(m, {
    frames,
    nodes: 1,
    tableShift: 1,
    windowShift: 3,
    tables: 2,
    mms: 1,
    processes: 1,
    vmas: 1,
    inodes: 1,
    files: 1,
    filePages: 1,
    gathers: 1,
    gatherPages: 2,
    shrinkers: 1,
    shrinking: 2,
    reclaimers: 2,
    reclaims: true,
  });
  m.atEnd("memory", () => k.state.pagesInUse === 0 || `${k.state.pagesInUse} frames are not free`);
  return { k, gpu: createGem(m, k, "gpu", sizes, policy) };
}

/** All objects get pages; then, with the first one locked, another page is needed. `tells` is told how many objects are left. */
export function* allocatesLocked({ k, gpu }: GemWorld): Task {
  yield* registerShrinker(k, gpu.shrinker);
  yield* fillObjects(k, gpu);
  yield* wwAcquireInit(gpu.context);
  yield* wwLock(gpu.objects[0].lock, gpu.context);
  const pfn = yield* allocPage(k, GFP_KERNEL);
  must(pfn >= 0, "assertion", "nothing was given back");
  must(gpu.objects[0].hasPages, "assertion", "the object that is locked has lost its pages");
  yield* folioPut(k, pfn);
  yield* wwUnlock(gpu.objects[0].lock);
  yield* wwAcquireFini(gpu.context);
  yield* tearDown(k, gpu);
}

function* fillObjects(k: Kernel, gpu: GemDevice): Task {
  for (let i = 0; i < gpu.objects.length; i++) {
    const object = gpu.objects[i];
    yield* wwLock(object.lock);
    must((yield* gemGetPages(k, gpu, object)) === 0, "assertion", "no pages for an object");
    const at = gpu.pages.pfn[object.number * gpu.maxPages] - 1;
    k.frames.content[at] = 10 + object.number;
    yield* wwUnlock(object.lock);
  }
}

function* tearDown(k: Kernel, gpu: GemDevice): Task {
  yield* unregisterShrinker(k, gpu.shrinker);
  for (let i = 0; i < gpu.objects.length; i++) {
    const object = gpu.objects[i];
    if (object.hasPages) yield* gemPutPages(k, gpu, object);
    must(gpu.pages.backing[object.number * gpu.maxPages] === 10 + object.number, "assertion", "contents are lost");
  }
}

/** The GPU has all objects. It is done with them at some time, or only after the page was allocated. */
export function* allocatesWhileBusy({ k, gpu }: GemWorld, retires: boolean): Task {
  yield* registerShrinker(k, gpu.shrinker);
  yield* fillObjects(k, gpu);
  for (let i = 0; i < gpu.objects.length; i++) {
    const object = gpu.objects[i];
    yield* wwLock(object.lock);
    yield* gemSubmit(gpu, object);
    yield* wwUnlock(object.lock);
  }
  const engine = retires ? spawn(engineOf, gpu) : null;
  const pfn = yield* allocPage(k, GFP_KERNEL | __GFP_NORETRY);
  if (pfn >= 0) yield* folioPut(k, pfn);
  if (engine) yield* join(engine);
  else yield* engineOf(gpu);
  yield* tearDown(k, gpu);
}

export function* engineOf(gpu: GemDevice): Task {
  yield* choose(1);
  for (let i = 0; i < gpu.objects.length; i++) yield* gemRetire(gpu.objects[i]);
}

/** Somebody reclaims while the driver is unloaded. */
export function* unloads(world: GemWorld): Task {
  const { k, gpu } = world;
  yield* registerShrinker(k, gpu.shrinker);
  yield* fillObjects(k, gpu);
  const other = spawn(allocatesOne, k);
  yield* tearDown(k, gpu);
  yield* join(other);
}
export function* allocatesOne(k: Kernel): Task {
  const pfn = yield* allocPage(k, GFP_KERNEL | __GFP_NORETRY);
  if (pfn >= 0) yield* folioPut(k, pfn);
}
