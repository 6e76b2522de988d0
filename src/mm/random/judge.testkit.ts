/** What each call must have answered, and what memory contains afterwards. Raises an error where the kernel disagrees. */
import { MAP_LOCKED, MAP_POPULATE, MAP_SHARED } from "../mmTypes.ts";
import { judgeAccess } from "./judgeAccess.testkit.ts";
import { judgeAdvice } from "./judgeAdvice.testkit.ts";
import { judgeMremap } from "./judgeMremap.testkit.ts";
import {
  contentOf,
  EFAULT,
  ENOMEM,
  forkSpace,
  mappedRun,
  newFile,
  newSpace,
  type Place,
  populatePlace,
  readable,
  type Space,
  unmapPlaces,
  WRITE,
  writable,
  writeBack,
  writeTo,
} from "./oracle.testkit.ts";
import type { Step } from "./step.testkit.ts";
import { spaceOf, type World } from "./world.testkit.ts";

/** While it is on results do not matter: what would the call have done? */
export const lenient = { on: false };

export function equal(what: string, got: number, expected: number): void {
  if (got !== expected && !lenient.on) throw new Error(`${what}: the result is ${got} instead of ${expected}`);
}

export function judge(w: World, s: Step, got: number): void {
  const space = spaceOf(w, s.actor);
  const place = space.places.get(s.at);
  switch (s.op) {
    case "write":
      equal("write", got, writable(place) ? 0 : EFAULT);
      if (writable(place)) writeTo(place, s.value);
      return;
    case "read":
      return equal("read", got, readable(place) ? contentOf(place) : EFAULT);
    case "mmap":
      return judgeMmap(w, s, got, space);
    case "munmap":
      unmapPlaces(space, s.at, s.n);
      return equal("munmap", got, 0);
    case "mprotect":
      return judgeMprotect(s, got, space);
    case "madvise":
      return judgeAdvice(w, s, got, space);
    case "mremap":
      return judgeMremap(w, s, got, space);
    case "brk":
      return judgeBrk(s, got, space);
    case "mlock":
    case "munlock":
      return judgeMlock(s, got, space);
    case "msync":
      return judgeMsync(s, got, space);
    default:
      return judgeProcess(w, s, got, space);
  }
}

export function newPlace(file: Place["file"], index: number, shared: boolean, prot: number, locked: boolean): Place {
  const rest = { own: null, noFork: false, wipe: false, policy: 0, soft: false };
  return { file, index, shared, prot, locked, ...rest };
}

function judgeMmap(w: World, s: Step, got: number, space: Space): void {
  equal("mmap", got, s.at);
  const shared = (s.flags & MAP_SHARED) !== 0;
  const locked = (s.flags & MAP_LOCKED) !== 0;
  // Shared anonymous memory is a file that nobody else can open.
  const file = s.path >= 0 ? w.oracle.files[s.path] : shared ? newFile(false, s.n * 4096) : null;
  const first = s.path >= 0 ? s.index : 0;
  for (let j = 0; j < s.n; j++) space.places.set(s.at + j, newPlace(file, first + j, shared, s.prot, locked));
  if (!locked && (s.flags & MAP_POPULATE) === 0) return;
  for (let j = 0; j < s.n; j++) populatePlace(space.places.get(s.at + j) as Place);
}

function judgeMprotect(s: Step, got: number, space: Space): void {
  const run = mappedRun(space, s.at, s.n);
  equal("mprotect", got, run === s.n ? 0 : ENOMEM);
  for (let j = 0; j < run; j++) {
    const place = space.places.get(s.at + j) as Place;
    const before = place.prot;
    place.prot = s.prot;
    // Locked private memory that becomes writable gets its pages at once.
    const populates = place.locked && !place.shared && (before & WRITE) === 0 && (s.prot & WRITE) !== 0;
    if (populates) populatePlace(place);
  }
}

function judgeBrk(s: Step, got: number, space: Space): void {
  const { brk, startBrk } = space;
  const { to } = s;
  if (to >= startBrk && to < brk) {
    // There must be something to take away.
    const some = Array.from({ length: brk - to }, (_, j) => to + j).some((at) => space.places.has(at));
    equal("brk", got, some ? to : brk);
    if (some) space.brk = to;
    if (some) unmapPlaces(space, to, brk - to);
    return;
  }
  // Growing keeps a page away from what follows.
  const free = Array.from({ length: Math.max(0, to + 1 - brk) }, (_, j) => brk + j).every(
    (at) => !space.places.has(at),
  );
  const grows = to > brk && free;
  equal("brk", got, grows ? to : brk);
  if (!grows) return;
  for (let at = brk; at < to; at++) space.places.set(at, newPlace(null, 0, false, 3, false));
  space.brk = to;
}

function judgeMlock(s: Step, got: number, space: Space): void {
  const run = mappedRun(space, s.at, s.n);
  let ok = run === s.n;
  for (let j = 0; j < run; j++) (space.places.get(s.at + j) as Place).locked = s.op === "mlock";
  // Populating stops at the first page that cannot be had.
  for (let j = 0; j < run && ok && s.op === "mlock"; j++) ok = populatePlace(space.places.get(s.at + j) as Place);
  equal(s.op, got, ok ? 0 : ENOMEM);
}

function judgeMsync(s: Step, got: number, space: Space): void {
  const run = mappedRun(space, s.at, s.n);
  equal("msync", got, run === s.n ? 0 : ENOMEM);
  if ((s.flags & 4) === 0) return;
  for (let j = 0; j < s.n; j++) {
    const place = space.places.get(s.at + j);
    if (place?.shared && place.file) writeBack(place.file, place.index, place.index + 1);
  }
}

function judgeProcess(w: World, s: Step, got: number, space: Space): void {
  const { actors } = w.oracle;
  const actor = actors[s.actor];
  switch (s.op) {
    case "fork":
    case "vfork": {
      equal(s.op, got, actors.length < 3 ? 1 : 0);
      if (got !== 1 || !w.child) return;
      if (s.op === "vfork") space.users++;
      actors.push({ process: w.child, space: s.op === "vfork" ? space : forkSpace(w.oracle, space) });
      return;
    }
    case "exec":
      equal("exec", got, 0);
      space.users--;
      actor.space = newSpace(space.startBrk);
      return;
    case "exit":
      if (actors.length === 1) return;
      space.users--;
      actors.splice(s.actor, 1);
      return;
    default:
      return judgeAccess(w, s, got, space);
  }
}
