/**
 * Recursive waiting as in i915's userptr code: `bench/spin/i915.pml`. Each process owns an object with a mutex and a
 * mapped page; with the mutex held it allocates, and an allocation that finds no free page reclaims a mapped page of any
 * object, whose invalidate callback needs that object's mutex.
 */
import { type Cell, cell, cellField, readOnce, touch } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import type { Machine } from "../../machine/machine.ts";
import { lock, mutexField, trylock, unlock } from "../../machine/mutex.ts";
import { type StructOf, struct } from "../../machine/struct.ts";

/**
 *   0  the callback blocks on the mutex: the deadlock of 2020
 *   1  it tries the mutex, reclaim skips the page, the allocation is repeated for ever (__GFP_NOFAIL): livelock
 *   2  as 1, but the allocation may fail
 *   3  pages are allocated before the mutex is taken; the callback blocks
 */
export type I915Variant = 0 | 1 | 2 | 3;

const objectFields = { mutex: mutexField(), mapped: cellField(1) };
type I915Object = StructOf<typeof objectFields>;
const I915Object = struct("object", objectFields);

/** Takes a free page, reclaiming one if need be. False when it gives up. */
function* allocate(free: Cell, objects: readonly I915Object[], tries: boolean, mayFail: boolean): Task<boolean> {
  for (;;) {
    yield* touch(free);
    if (free.value > 0) {
      free.value--;
      return true;
    }
    const reclaimed = yield* reclaim(free, objects, tries);
    if (!reclaimed && mayFail) return false;
  }
}

/** Direct reclaim: the first mapped page whose callback succeeds. */
function* reclaim(free: Cell, objects: readonly I915Object[], tries: boolean): Task<boolean> {
  for (const object of objects) {
    if ((yield* readOnce(object.mapped)) === 0) continue;
    if (tries) {
      if (!(yield* trylock(object.mutex))) continue;
    } else {
      yield* lock(object.mutex);
    }
    yield* touch(object.mapped, free);
    if (object.mapped.value === 1) {
      object.mapped.value = 0;
      free.value++;
    }
    yield* unlock(object.mutex);
    return true;
  }
  return false;
}

function* getPages(own: I915Object, free: Cell, objects: readonly I915Object[], variant: I915Variant): Task {
  const tries = variant === 1 || variant === 2;
  let page = false;
  if (variant === 3) page = yield* allocate(free, objects, tries, false);
  yield* lock(own.mutex);
  if (variant !== 3) page = yield* allocate(free, objects, tries, variant === 2);
  if (page) {
    yield* touch(own.mapped, free);
    if (own.mapped.value === 1) free.value++;
    else own.mapped.value = 1;
  }
  yield* unlock(own.mutex);
}

export function i915(variant: I915Variant, processes: number, freePages = 0): (m: Machine) => void {
  return (m) => {
    const free = cell("free", freePages);
    const objects = Array.from({ length: processes }, (_, i) => I915Object.create(`object${i}`));
    objects.forEach((object, i) => {
      m.spawn(`process${i}`, getPages, [object, free, objects, variant]);
    });
  };
}
