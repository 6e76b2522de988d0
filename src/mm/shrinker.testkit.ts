/** For tests: a cache of objects with a shrinker, and tasks that shrink it, register and unregister it. */
import type { Handle, Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, trylock, unlock } from "../machine/mutex.ts";
import { bool, int, struct } from "../machine/struct.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import {
  createShrinker,
  registerShrinker,
  SHRINK_STOP,
  type Shrinker,
  type ShrinkerOps,
  type ShrinkerOptions,
  shrinkSlab,
  unregisterShrinker,
} from "./shrinker.ts";

/** Objects that can be freed one by one under the lock, which the shrinker only tries. */
export interface Cache extends Handle {
  readonly lock: Mutex;
  objects: number;
  /** Sum of what scans were told to look at. */
  asked: number;
  scans: number;
  /** The memory of the shrinker itself is gone. */
  freed: boolean;
  /** Scans answer SHRINK_STOP. */
  stuck: boolean;
}
const cacheStruct = struct("cache", {
  lock: mutexField(),
  objects: int({ guardedBy: "lock" }),
  asked: int({ guardedBy: "lock" }),
  scans: int({ guardedBy: "lock" }),
  freed: bool({ ordered: "what unregistering promises, and is checked" }),
  stuck: bool({ ordered: "set by tests" }),
});

const ops: ShrinkerOps = {
  *countObjects(_k, shrinker): Task<number> {
    const cache = shrinker.owner as Cache;
    must(!cache.freed, "use-after-free", "count runs after the shrinker was freed");
    yield* lock(cache.lock);
    const n = cache.objects;
    yield* unlock(cache.lock);
    return n;
  },
  *scanObjects(_k, shrinker, sc): Task<number> {
    const cache = shrinker.owner as Cache;
    must(!cache.freed, "use-after-free", "scan runs after the shrinker was freed");
    if (cache.stuck || !(yield* trylock(cache.lock))) return SHRINK_STOP;
    must(!cache.freed, "use-after-free", "scan runs while the shrinker is freed");
    const n = Math.min(cache.objects, sc.nrToScan);
    cache.objects -= n;
    cache.asked += sc.nrToScan;
    cache.scans++;
    yield* unlock(cache.lock);
    return n;
  },
};

export interface CacheWorld {
  readonly k: Kernel;
  readonly cache: Cache;
  readonly shrinker: Shrinker;
}

export function cacheWorld(m: Machine, objects: number, options: ShrinkerOptions = {}): CacheWorld {
  const k = createKernel(m, {
    frames: 2,
    nodes: 1,
    tables: 4,
    mms: 1,
    processes: 1,
    vmas: 1,
    shrinkers: 1,
    gatherPages: 1,
  });
  const cache = cacheStruct.create("cache") as Cache;
  cache.objects = objects;
  return { k, cache, shrinker: createShrinker(m, k, "shrinker", ops, cache, options) };
}

/** Registers, then one pass at `priority`, `rounds` times. */
export function* shrinkRounds(k: Kernel, shrinker: Shrinker, priority: number, rounds: number): Task {
  if (!shrinker.registered) yield* registerShrinker(k, shrinker);
  for (let i = 0; i < rounds; i++) yield* shrinkSlab(k, GFP_KERNEL, 0, 0, priority);
}

export function* reclaimer(k: Kernel): Task {
  yield* shrinkSlab(k, GFP_KERNEL, 0, 0, 0);
}

/** A module comes and goes; `unregisters`: not without taking its shrinker off the list. */
export function* module(k: Kernel, shrinker: Shrinker, unregisters: boolean): Task {
  const cache = shrinker.owner as Cache;
  yield* registerShrinker(k, shrinker);
  if (unregisters) yield* unregisterShrinker(k, shrinker);
  yield* lock(cache.lock);
  cache.freed = true;
  yield* unlock(cache.lock);
}
