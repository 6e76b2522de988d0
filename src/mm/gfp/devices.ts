/**
 * What an allocation may meet on its way through reclaim: a driver with a notifier, two caches of GEM objects and one of inodes.
 * Each says that it was entered, and takes the lock that such code takes; nothing else is modelled of it.
 *
 *   notifier start   driver lock (mutex)          GEM cache 1   trylock, as i915 does       GEM cache 2   lock
 *   young            nothing, as it is atomic     inodes        lock of the file system, only if the mask has __GFP_FS
 */
import type { Handle, Task } from "../../machine/core.ts";
import { emit } from "../../machine/events.ts";
import { __GFP_FS } from "../../machine/gfp.ts";
import type { Machine } from "../../machine/machine.ts";
import { lock, type Mutex, mutexField, spinlockField, trylock, unlock } from "../../machine/mutex.ts";
import { struct } from "../../machine/struct.ts";
import type { Kernel } from "../kernel.ts";
import type { MmuNotifierOps } from "../mmuNotifier.ts";
import { createShrinker, SHRINK_STOP, type Shrinker, type ShrinkerOps } from "../shrinker.ts";

export interface Devices extends Handle {
  /** Nobody but the caller uses it. */
  readonly spin: Mutex;
  readonly driver: Mutex;
  readonly gemTried: Mutex;
  readonly gemLocked: Mutex;
  readonly fs: Mutex;
}

const devicesStruct = struct("device", {
  spin: spinlockField(),
  driver: mutexField(),
  gemTried: mutexField(),
  gemLocked: mutexField(),
  fs: mutexField(),
});

/** Objects in each cache, whatever was freed: every scan finds some. */
const OBJECTS = 2;

export const createDevices = (): Devices => devicesStruct.create("device") as Devices;

function* takeAndRelease(l: Mutex): Task {
  yield* lock(l);
  yield* unlock(l);
}

export const watchingOps: MmuNotifierOps = {
  *invalidateRangeStart(_k, sub): Task<number> {
    const { driver } = sub.driver as Devices;
    emit("notifier");
    yield* takeAndRelease(driver);
    return 0;
  },
  *clearFlushYoung(): Task<number> {
    emit("young");
    return 0;
  },
};

const gemTriedOps: ShrinkerOps = {
  *countObjects(): Task<number> {
    emit("shrinker");
    return OBJECTS;
  },
  *scanObjects(_k, shrinker, sc): Task<number> {
    const { gemTried } = shrinker.owner as Devices;
    if (!(yield* trylock(gemTried))) return SHRINK_STOP;
    yield* unlock(gemTried);
    return sc.nrToScan;
  },
};

const gemLockedOps: ShrinkerOps = {
  *countObjects(): Task<number> {
    return OBJECTS;
  },
  *scanObjects(_k, shrinker, sc): Task<number> {
    const { gemLocked } = shrinker.owner as Devices;
    yield* takeAndRelease(gemLocked);
    return sc.nrToScan;
  },
};

/** super_cache_scan: an inode that goes may have to be written, or need a transaction. */
const inodeOps: ShrinkerOps = {
  *countObjects(): Task<number> {
    return OBJECTS;
  },
  *scanObjects(_k, shrinker, sc): Task<number> {
    if ((sc.gfpMask & __GFP_FS) === 0) return SHRINK_STOP;
    const { fs } = shrinker.owner as Devices;
    emit("inodes");
    yield* takeAndRelease(fs);
    return sc.nrToScan;
  },
};

/** Set-up. The caller registers them. */
export function createWatchedShrinkers(m: Machine, k: Kernel, devices: Devices): Shrinker[] {
  return [
    createShrinker(m, k, "gemTried", gemTriedOps, devices),
    createShrinker(m, k, "gemLocked", gemLockedOps, devices),
    createShrinker(m, k, "inodes", inodeOps, devices),
  ];
}
