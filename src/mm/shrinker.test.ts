import fc from "fast-check";
import { expect, test } from "vitest";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import { explore } from "./explore.testkit.ts";
import { type CacheWorld, cacheWorld, module, reclaimer, shrinkRounds } from "./shrinker.testkit.ts";
import { nextDeferred, type ShrinkerOptions, scanTarget } from "./shrinker.ts";

/** Runs `rounds` passes at `priority` over a cache and returns it with the work put off. */
function shrunk(objects: number, priority: number, rounds: number, stuck = false, options: ShrinkerOptions = {}) {
  let world: CacheWorld | undefined;
  const m = buildSequential((machine) => {
    world = cacheWorld(machine, objects, options);
    world.cache.stuck = stuck;
    machine.spawn("reclaim", shrinkRounds, [world.k, world.shrinker, priority, rounds]);
  });
  expect(runSequentially(m)).toBe(null);
  const { cache, k } = world as CacheWorld;
  return { objects: cache.objects, asked: cache.asked, scans: cache.scans, deferred: k.shrinkers.deferred.nr[0] };
}

test("at priority 2 a quarter, twice over because of the seeks, in whole batches; the rest is put off", () => {
  // 4 * (1000 >> 2) / 2 = 500 = 3 * 128 + 116
  expect(shrunk(1000, 2, 1)).toEqual({ objects: 616, asked: 384, scans: 3, deferred: 116 });
  // (116 >> 2) + 4 * (616 >> 2) / 2 = 337 = 2 * 128 + 81; 116 + 308 - 256 stay
  expect(shrunk(1000, 2, 2)).toEqual({ objects: 360, asked: 640, scans: 5, deferred: 168 });
});

test("at priority 12 small caches are left alone", () => {
  expect(shrunk(1000, 12, 5)).toEqual({ objects: 1000, asked: 0, scans: 0, deferred: 0 });
});

test("a cache smaller than its batch is scanned whole once as much as it has is due", () => {
  expect(shrunk(10, 0, 1)).toEqual({ objects: 0, asked: 20, scans: 1, deferred: 0 });
});

test("objects that cost nothing to make again go by half at any priority", () => {
  expect(shrunk(400, 12, 1, false, { seeks: 0 })).toEqual({ objects: 272, asked: 128, scans: 1, deferred: 72 });
});

test("a shrinker that cannot now is asked for more next time, up to twice what it has", () => {
  expect(shrunk(300, 1, 1, true)).toEqual({ objects: 300, asked: 0, scans: 0, deferred: 300 });
  expect(shrunk(300, 1, 9, true).deferred).toBe(600);
});

test("never asks for more than twice what is there, and puts off what it did not do", () => {
  const nat = fc.integer({ min: 0, max: 1 << 24 });
  fc.assert(
    fc.property(nat, nat, fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 8 }), (free, put, prio, seeks) => {
      const target = scanTarget(free, put, prio, seeks);
      expect(Number.isInteger(target) && target >= 0 && target <= 2 * free).toBe(true);
      // As the C code has it, with the integer division of the kernel.
      const big = (n: number) => BigInt(n);
      const delta = seeks === 0 ? big(free) / 2n : (4n * (big(free) >> big(prio))) / big(seeks);
      const wanted = (big(put) >> big(prio)) + delta;
      expect(big(target)).toBe(wanted < 2n * big(free) ? wanted : 2n * big(free));
      const next = nextDeferred(free, put, Number(delta), target);
      expect(next).toBeGreaterThanOrEqual(0);
      expect(next).toBeLessThanOrEqual(2 * free);
    }),
  );
});

const race = (unregisters: boolean) =>
  explore((m) => {
    const { k, shrinker } = cacheWorld(m, 2);
    m.spawn("reclaim", reclaimer, [k]);
    m.spawn("module", module, [k, shrinker, unregisters]);
  });

test("unregistering waits for shrinkers that run, in every interleaving", () => {
  expect(race(true).verdict).toBe("ok");
});

test("a shrinker that is freed while it is registered is used afterwards", () => {
  expect(race(false).verdict).toBe("use-after-free");
});
