/**
 * GEM-like buffers on the real memory management: a device's objects, and the shrinker that takes their pages back, as
 * i915_gem_shrinker.c does it.
 *
 *   reclaim ─▶ count: pages of all objects, batch for two average ones ─▶ scan: object by object, whose lock is tried
 *                  idle ─▶ contents to the backing store, pages freed     in use by the GPU, or bound while it sleeps ─▶ left
 *   kswapd, once that was not enough ─▶ a second pass, which wakes the device and waits for it
 *
 * Objects are allocated with their lock held, so reclaim meets objects that its own task has locked: hence only trylock.
 * `policy` says what else a driver could do there, to see what comes of it.
 */
import { type Cell, cellField, touch } from "../machine/cell.ts";
import { column, columns } from "../machine/columns.ts";
import type { Handle, Task } from "../machine/core.ts";
import { ENOMEM } from "../machine/errno.ts";
import { __GFP_ZERO, GFP_KERNEL } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { bool, int, struct } from "../machine/struct.ts";
import { until } from "../machine/wait.ts";
import {
  type AcquireCtx,
  acquireCtx,
  type WwMutex,
  wwAcquireFini,
  wwAcquireInit,
  wwClass,
  wwLock,
  wwMutexField,
  wwTrylock,
  wwUnlock,
} from "../machine/wwMutex.ts";
import type { Kernel } from "../mm/kernel.ts";
import { allocPage } from "../mm/pageAlloc.ts";
import { createShrinker, SHRINK_BATCH, SHRINK_STOP, type ShrinkControl, type Shrinker } from "../mm/shrinker.ts";
import { folioPut } from "../mm/swap.ts";
import { currentIsKswapd } from "../mm/throttle.ts";
import { driverHistory } from "./history.ts";

/**
 * How the shrinker gets at an object. `trylock`: as i915. `lock`: waits for it. `ww-acquire`: waits for it in an acquire
 * context of its own (drm/msm before v7.1). `waits-for-gpu`: tries the lock, but waits for the GPU in every pass (i915 before
 * v4.4). `never-waits`: as `trylock`, without kswapd's second pass (5763ff04dc4e).
 */
export type GemPolicy = "trylock" | "lock" | "ww-acquire" | "waits-for-gpu" | "never-waits";

const history = driverHistory<{ readonly policy: GemPolicy }, GemPolicy>("gem", {
  trylock: { policy: "trylock" },
  lock: { policy: "lock" },
  "ww-acquire": { policy: "ww-acquire" },
  "waits-for-gpu": { policy: "waits-for-gpu" },
  "never-waits": { policy: "never-waits" },
});

export interface GemObject extends Handle {
  readonly lock: WwMutex;
  readonly number: number;
  /** Pages. */
  readonly size: number;
  hasPages: boolean;
  /** It has a place in the GPU's address space: taking it out of there needs the device awake. */
  bound: boolean;
  /** 1 = the GPU works with it. */
  readonly active: Cell;
}
const objectStruct = struct("gemObject", {
  lock: wwMutexField(),
  hasPages: bool({ ordered: "changed under the lock; the shrinker looks before it has it, and again" }),
  bound: bool({ ordered: "changed under the lock; the shrinker looks before it has it, and again" }),
  active: cellField(),
});

export interface GemDevice extends Handle {
  readonly objects: readonly GemObject[];
  /** At object * maxPages + page: the frame + 1, and its content while there is none. */
  readonly pages: { readonly pfn: Int32Array; readonly backing: Int32Array };
  readonly maxPages: number;
  readonly policy: GemPolicy;
  readonly shrinker: Shrinker<GemDevice>;
  /** For who locks several objects, and for the shrinker with the policy `ww-acquire`. */
  readonly context: AcquireCtx;
  readonly shrinkContext: AcquireCtx;
  awake: boolean;
  /** How often reclaim found the GPU at work and waited for it. */
  stalls: number;
}
const deviceStruct = struct("gemDevice", {
  awake: bool({ ordered: "runtime power management" }),
  stalls: int({ ordered: "a statistic" }),
});

/** Initial batch of i915; it adapts. */
const BATCH = 4096;
const SHRINK_BOUND = 1;
const SHRINK_ACTIVE = 2;

/** Set-up: objects of `sizes` pages, without any yet. The shrinker is to be registered. Raises what createShrinker does. */
export function createGem(
  m: Machine,
  k: Kernel,
  name: string,
  sizes: readonly number[],
  policy: GemPolicy = "trylock",
): GemDevice {
  const device = deviceStruct.create(name);
  const maxPages = Math.max(1, ...sizes);
  const owned = { ordered: "the lock of the object" };
  const reservations = wwClass(`${name}.reservations`);
  const ops = { countObjects: gemCount, scanObjects: gemScan };
  const gem = Object.assign(device, {
    objects: sizes.map((size, number) =>
      Object.assign(objectStruct.create(`${name}.object${number}`), { size, number }),
    ),
    pages: columns(`${name}.pages`, sizes.length * maxPages, { pfn: column(owned), backing: column(owned) }),
    maxPages,
    policy: history.inForce({ policy }).policy,
    context: acquireCtx(`${name}.context`, reservations),
    shrinkContext: acquireCtx(`${name}.shrinkContext`, reservations),
    awake: true,
    stalls: 0,
  });
  const shrinker = createShrinker<GemDevice>(m, k, `${name}.shrinker`, ops, gem as unknown as GemDevice, {
    batch: BATCH,
  });
  return Object.assign(gem, { shrinker });
}

/** i915_gem_object_pin_pages: contents come from the backing store. 0 or -ENOMEM. The object is locked. */
export function* gemGetPages(k: Kernel, device: GemDevice, object: GemObject): Task<number> {
  if (object.hasPages) return 0;
  const first = object.number * device.maxPages;
  for (let i = 0; i < object.size; i++) {
    const page = yield* allocPage(k, GFP_KERNEL | __GFP_ZERO);
    if (page < 0) {
      yield* releasePages(k, device, object, i);
      return -ENOMEM;
    }
    k.frames.content[page] = device.pages.backing[first + i];
    device.pages.pfn[first + i] = page + 1;
  }
  object.hasPages = true;
  return 0;
}

/** __i915_gem_object_put_pages: contents go to the backing store. The object is locked, the GPU does not use it. */
export function* gemPutPages(k: Kernel, device: GemDevice, object: GemObject): Task {
  object.hasPages = false;
  object.bound = false;
  yield* releasePages(k, device, object, object.size);
}

function* releasePages(k: Kernel, device: GemDevice, object: GemObject, n: number): Task {
  const first = object.number * device.maxPages;
  for (let i = 0; i < n; i++) {
    const page = device.pages.pfn[first + i] - 1;
    device.pages.backing[first + i] = k.frames.content[page];
    device.pages.pfn[first + i] = 0;
    yield* folioPut(k, page);
  }
}

/** execbuf: the GPU works with the object from now on. The object is locked and has pages. */
export function* gemSubmit(device: GemDevice, object: GemObject): Task {
  device.awake = true;
  object.bound = true;
  yield* touch(object.active);
  object.active.value = 1;
}

/** The GPU is done with it: the interrupt. */
export function* gemRetire(object: GemObject): Task {
  yield* touch(object.active);
  object.active.value = 0;
}

/** i915_gem_shrinker_count: pages; and the next batch is about two average objects. No lock may be taken here. */
function* gemCount(_k: Kernel, shrinker: Shrinker): Task<number> {
  const device = shrinker.owner as GemDevice;
  let pages = 0;
  let objects = 0;
  for (const object of device.objects) {
    if (!object.hasPages) continue;
    pages += object.size;
    objects++;
  }
  if (objects > 0) {
    const average = Math.trunc((2 * pages) / objects);
    shrinker.batch = Math.max((shrinker.batch + average) >> 1, SHRINK_BATCH);
  }
  return pages;
}

/** i915_gem_shrinker_scan: pages freed, or SHRINK_STOP when not even one object could be looked at. */
function* gemScan(k: Kernel, shrinker: Shrinker, sc: ShrinkControl): Task<number> {
  const device = shrinker.owner as GemDevice;
  sc.nrScanned = 0;
  const waits = device.policy === "waits-for-gpu" ? SHRINK_ACTIVE : 0;
  // The device is not woken for a little memory.
  let freed = yield* gemShrink(k, device, sc, sc.nrToScan, (device.awake ? SHRINK_BOUND : 0) | waits);
  if (sc.nrScanned < sc.nrToScan && currentIsKswapd() && device.policy !== "never-waits") {
    device.awake = true;
    freed += yield* gemShrink(k, device, sc, sc.nrToScan - sc.nrScanned, SHRINK_BOUND | SHRINK_ACTIVE);
  }
  return sc.nrScanned > 0 ? freed : SHRINK_STOP;
}

/** i915_gem_shrink. What is looked at counts as scanned, freed or not; what could not be locked does not. */
function* gemShrink(k: Kernel, device: GemDevice, sc: ShrinkControl, target: number, flags: number): Task<number> {
  let freed = 0;
  for (let i = 0; i < device.objects.length && freed < target; i++) {
    const object = device.objects[i];
    if (!object.hasPages || (object.bound && (flags & SHRINK_BOUND) === 0)) continue;
    if (!(yield* lockForShrink(device, object))) continue;
    if (object.hasPages && (yield* isIdle(device, object, flags))) {
      yield* gemPutPages(k, device, object);
      freed += object.size;
    }
    sc.nrScanned += object.size;
    yield* unlockAfterShrink(device, object);
  }
  return freed;
}

/** Unbinding fails while the GPU is at it, or waits for it. */
function* isIdle(device: GemDevice, object: GemObject, flags: number): Task<boolean> {
  if ((flags & SHRINK_ACTIVE) !== 0) {
    yield* touch(object.active);
    if (object.active.value !== 0) device.stalls++;
    yield* until(() => object.active.value === 0, object.active);
  }
  yield* touch(object.active);
  return object.active.value === 0;
}

function* lockForShrink(device: GemDevice, object: GemObject): Task<boolean> {
  switch (device.policy) {
    case "lock":
      yield* wwLock(object.lock);
      return true;
    case "ww-acquire":
      yield* wwAcquireInit(device.shrinkContext);
      if ((yield* wwLock(object.lock, device.shrinkContext)) === 0) return true;
      yield* wwAcquireFini(device.shrinkContext);
      return false;
    default:
      return yield* wwTrylock(object.lock);
  }
}

function* unlockAfterShrink(device: GemDevice, object: GemObject): Task {
  yield* wwUnlock(object.lock);
  if (device.policy === "ww-acquire") yield* wwAcquireFini(device.shrinkContext);
}
