/** madvise, page by page in order: a page that refuses ends the call, a hole does not. */
import {
  MADV_COLD,
  MADV_DOFORK,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_KEEPONFORK,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_REMOVE,
  MADV_WIPEONFORK,
} from "../madvise.ts";
import type { Mm } from "../mmTypes.ts";
import { adoptGivenUp } from "./adopt.testkit.ts";
import { equal } from "./judge.testkit.ts";
import {
  beyond,
  EACCES,
  EFAULT,
  EINVAL,
  ENOMEM,
  type Oracle,
  type Place,
  punch,
  READ,
  type Space,
  touchForWrite,
  WRITE,
} from "./oracle.testkit.ts";
import type { Step } from "./step.testkit.ts";
import type { World } from "./world.testkit.ts";

export function judgeAdvice(w: World, s: Step, got: number, space: Space): void {
  const populates = s.flags === MADV_POPULATE_READ || s.flags === MADV_POPULATE_WRITE;
  let result = 0;
  for (let at = s.at; at < s.at + s.n; at++) {
    const place = space.places.get(at);
    if (!place) {
      result = ENOMEM;
      continue;
    }
    const error = populates ? populate(place, s.flags === MADV_POPULATE_WRITE) : advise(w.oracle, place, s.flags);
    if (s.flags === MADV_FREE && error === 0 && place.own && w.shape.pressure) adoptGivenUp(w, s.process.mm as Mm, at);
    if (error === 0) continue;
    result = error;
    break;
  }
  equal("madvise", got, result);
}

function populate(place: Place, write: boolean): number {
  if ((place.prot & (write ? WRITE : READ)) === 0) return EINVAL;
  if (beyond(place)) return EFAULT;
  if (write) {
    touchForWrite(place);
    place.soft = true;
  }
  return 0;
}

function advise(oracle: Oracle, place: Place, advice: number): number {
  switch (advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
      if (place.locked && advice === MADV_DONTNEED) return EINVAL;
      place.own = null;
      place.soft = false;
      return 0;
    case MADV_FREE:
      if (place.file || place.locked) return EINVAL;
      // Nothing is short of memory here, so the content stays; it may be thrown away until it is written again.
      if (place.own) place.own.dirty = false;
      return 0;
    case MADV_REMOVE:
      if (place.locked || !place.file) return EINVAL;
      if (!place.shared) return EACCES;
      punch(oracle, place.file, place.index, place.index + 1);
      return 0;
    case MADV_COLD:
    case MADV_PAGEOUT:
      return place.locked ? EINVAL : 0;
    case MADV_DONTFORK:
    case MADV_DOFORK:
      place.noFork = advice === MADV_DONTFORK;
      return 0;
    case MADV_WIPEONFORK:
      if (place.file) return EINVAL;
      place.wipe = true;
      return 0;
    case MADV_KEEPONFORK:
      place.wipe = false;
      return 0;
    default:
      return 0;
  }
}
