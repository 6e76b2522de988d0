/**
 * Lock maps: locks for lockdep only, as the kernel uses them to say "this may enter reclaim" or "this calls notifiers".
 * Nobody ever waits for them; a task holds one between acquire and release, or touches it in passing.
 */
import { builtinHandles, current } from "./core.ts";
import { type HoldMode, holds, Lock, noteAcquired, noteAttempt, noteReleased } from "./lock.ts";

export class LockMap extends Lock {
  readonly kind = "map";

  /** `id`: only for maps that exist in every machine. */
  constructor(name: string, lockClass = name, id = -1) {
    super(0, name, lockClass, id);
  }

  heldBy(t: number): boolean {
    return holds(t, this);
  }
}

/** A map of one machine; set-up only. */
export function lockMap(name: string, lockClass = name): LockMap {
  return new LockMap(name, lockClass);
}

function builtin(name: string): LockMap {
  const map = new LockMap(name, name, builtinHandles.length);
  builtinHandles.push(map);
  return map;
}

/** Held while a task is in direct reclaim that may enter file systems (__fs_reclaim_map). */
export const fsReclaim = builtin("fs_reclaim");
/** Held around calls of notifiers' start and end, touched by whatever may lead to one. */
export const mmuNotifierInvalidateRangeStart = builtin("mmu_notifier_invalidate_range_start");

/** lock_map_acquire: the running task holds `map` from now on. Recursion is the caller's to avoid. */
export function lockMapAcquire(map: LockMap, mode: HoldMode = "exclusive"): void {
  if (current < 0) return;
  noteAttempt(map, mode);
  noteAcquired(map, mode);
}

/** lock_map_release. Raises an `assertion` finding when the task does not hold it. */
export function lockMapRelease(map: LockMap): void {
  if (current >= 0) noteReleased(map);
}

/** Acquire and release at once: "from here one may get there". */
export function lockMapTouch(map: LockMap, mode: HoldMode = "exclusive"): void {
  if (current >= 0) noteAttempt(map, mode);
}
