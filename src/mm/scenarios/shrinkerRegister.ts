/**
 * Shrinkers that come and go while reclaim walks them: whoever has unregistered one may free it, and one that is registered
 * in the middle of a walk waits until it is over. Reclaim itself never waits for somebody who registers.
 *
 *   reclaim: shrinker_rwsem for reading, if it is free ─▶ each shrinker: count, scan ─▶ somebody waits? stop
 *   unregister: shrinker_rwsem for writing ─▶ off the list ─▶ the driver frees its memory
 */
import type { Handle, Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { GFP_KERNEL } from "../../machine/gfp.ts";
import { lock, type Mutex, mutexField, trylock, unlock } from "../../machine/mutex.ts";
import { defineCase } from "../../machine/scenario.ts";
import { bool, int, struct } from "../../machine/struct.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import type { Kernel } from "../kernel.ts";
import {
  createShrinker,
  registerShrinker,
  type Shrinker,
  type ShrinkerOps,
  shrinkSlab,
  unregisterShrinker,
} from "../shrinker.ts";
import { performReclaim } from "../vmscan.ts";
import { smallKernel } from "../world/small.ts";

interface Cache extends Handle {
  readonly lock: Mutex;
  objects: number;
  freed: boolean;
}
const cacheStruct = struct("cache", {
  lock: mutexField(),
  objects: int({ guardedBy: "lock" }),
  freed: bool({ ordered: "what unregistering promises, and is checked" }),
});

const mustLive = (cache: Cache, what: string): void =>
  must(!cache.freed, "use-after-free", `${what} runs, and the shrinker was freed`);

const ops: ShrinkerOps = {
  *countObjects(_k, shrinker): Task<number> {
    const cache = shrinker.owner as Cache;
    yield* choose(1);
    mustLive(cache, "count");
    yield* lock(cache.lock);
    const n = cache.objects;
    yield* unlock(cache.lock);
    return n;
  },
  *scanObjects(_k, shrinker, sc): Task<number> {
    const cache = shrinker.owner as Cache;
    mustLive(cache, "scan");
    // Reclaim may come from an allocation that the owner makes with its lock held.
    if (!(yield* trylock(cache.lock))) return -1;
    const n = Math.min(cache.objects, sc.nrToScan);
    cache.objects -= n;
    yield* unlock(cache.lock);
    return n;
  },
};

const PROPER = 0;
const WITHOUT_RWSEM = 1;

function* main(k: Kernel, first: Shrinker, second: Shrinker, how: number): Task {
  yield* registerShrinker(k, first);
  const a = spawn(reclaimer, k);
  const b = spawn(driver, k, first, second, how);
  yield* join(a);
  yield* join(b);
  yield* unregisterShrinker(k, second);
}

/** An allocation, and a write to drop_caches. */
function* reclaimer(k: Kernel): Task {
  yield* choose(1); // anybody may begin
  yield* performReclaim(k, GFP_KERNEL, 0);
  yield* shrinkSlab(k, GFP_KERNEL, 0, 0, 0);
}

function* driver(k: Kernel, first: Shrinker, second: Shrinker, how: number): Task {
  yield* choose(1);
  yield* registerShrinker(k, second);
  const cache = first.owner as Cache;
  if (how === PROPER) yield* unregisterShrinker(k, first);
  else yield* unregisterCarelessly(k, first);
  cache.freed = true;
}

/** Off the list, whoever walks it. */
function* unregisterCarelessly(k: Kernel, shrinker: Shrinker): Task {
  const all = k.shrinkers;
  yield* choose(1);
  all.first = shrinker.next;
  shrinker.registered = false;
}

export const shrinkerRegister = defineCase({
  id: "mm-shrinker-register",
  title: "shrinkers that come and go while reclaim walks them",
  variants: {
    "linux-6.1": { how: PROPER, expect: "ok" },
    "unregister-without-rwsem": { how: WITHOUT_RWSEM, expect: "use-after-free" },
  },
  setup(m, v) {
    const k = smallKernel(m, { shrinkers: 2, shrinking: 2, reclaimers: 2 });
    const make = (name: string, objects: number): Shrinker => {
      const cache = cacheStruct.create(name) as Cache;
      cache.objects = objects;
      return createShrinker(m, k, `${name}.shrinker`, ops, cache, { batch: 1 });
    };
    m.spawn("main", main, [k, make("first", 2), make("second", 1), v.how], { children: 2 });
  },
});
