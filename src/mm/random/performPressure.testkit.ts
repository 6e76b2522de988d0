/** What happens where memory is short, besides system calls: cgroups, the administrator, failing devices and allocations. */
import type { Task } from "../../machine/core.ts";
import { dropCaches } from "../dropCaches.ts";
import { fadviseDontneed } from "../fadvise.ts";
import type { File } from "../fs.ts";
import { joinMemcg, memoryReclaim, setMemoryHigh, setMemoryMax } from "../memcontrol.ts";
import { condResched } from "../throttle.ts";
import type { Step } from "./step.testkit.ts";
import { type World, world } from "./world.testkit.ts";

const w = (): World => world.now as World;
const s = (): Step => w().step as Step;
/** Below this limits would only make calls fail. */
const LEAST = 8;

const memcgOf = (flags: number): number => flags % w().k.memcgParents.length;

export function* performPressure(): Task<number> {
  switch (s().op) {
    case "reclaim":
      return yield* memoryReclaim(w().k, memcgOf(s().flags), s().n);
    case "limit":
      return yield* limit(memcgOf(s().flags), LEAST + (s().value & 63));
    case "joins":
      joinMemcg(s().process, memcgOf(s().flags));
      return 0;
    case "dropCaches":
      yield* dropCaches(w().k, 1);
      return 0;
    case "dontneed":
      return yield* fadviseDontneed(w().k, s().file as File, s().index, s().index + s().n);
    case "shortage":
      w().shortage = 1 + (s().flags % 14);
      return 0;
    case "breakSwap":
      w().k.swap.state.broken = s().flags & 1;
      return 0;
    default:
      // The other tasks have their turn.
      yield* condResched();
      return 0;
  }
}

function* limit(memcg: number, pages: number): Task<number> {
  if (memcg === 0) return 0;
  if ((s().value & 64) !== 0) yield* setMemoryHigh(w().k, memcg, pages);
  else yield* setMemoryMax(w().k, memcg, pages);
  return 0;
}
