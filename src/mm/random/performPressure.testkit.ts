/** What happens where memory is short, besides system calls: cgroups, the administrator, failing devices and allocations. */
import type { Task } from "../../machine/core.ts";
import { dropCaches } from "../dropCaches.ts";
import { fadviseDontneed } from "../fadvise.ts";
import type { File } from "../fs.ts";
import { joinMemcg, memoryReclaim, setMemoryHigh, setMemoryMax } from "../memcontrol.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysSwapoff } from "../swapoff.ts";
import { READS_FAIL, WRITES_FAIL } from "../swapTypes.ts";
import { condResched } from "../throttle.ts";
import type { Step } from "./step.testkit.ts";
import { type World, world } from "./world.testkit.ts";

const w = (): World => world.now as World;
const s = (): Step => w().step as Step;
/** Below this limits would only make calls fail. */
const LEAST = 8;

/** How the swap device fails from now on. */
const BROKEN = [0, 0, 0, WRITES_FAIL, 0, READS_FAIL, 0, WRITES_FAIL | READS_FAIL];

const memcgOf = (flags: number): number => flags % w().k.memcgParents.length;

export function* performPressure(): Task<number> {
  switch (s().op) {
    case "fill":
      return yield* fill();
    case "sweep":
      return yield* sweep();
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
      w().k.swap.state.broken = BROKEN[s().flags & 7];
      return 0;
    case "swapoff":
      // Nobody switches it on again.
      return (s().flags & 3) === 0 ? yield* sysSwapoff(w().k) : 0;
    default:
      // The other tasks have their turn.
      yield* condResched();
      return 0;
  }
}

/** Writes page after page. How many, up to the first that cannot be written. */
function* fill(): Task<number> {
  for (let j = 0; j < s().n; j++) if ((yield* userWrite(w().k, s().process, s().at + j, s().value + j)) < 0) return j;
  return s().n;
}

/** Reads page after page. */
function* sweep(): Task<number> {
  w().swept.length = 0;
  for (let j = 0; j < s().n; j++) {
    const content = yield* userRead(w().k, s().process, s().at + j);
    if (content < 0) return j;
    w().swept.push(content);
  }
  return s().n;
}

function* limit(memcg: number, pages: number): Task<number> {
  if (memcg === 0) return 0;
  if ((s().value & 64) !== 0) yield* setMemoryHigh(w().k, memcg, pages);
  else yield* setMemoryMax(w().k, memcg, pages);
  return 0;
}
