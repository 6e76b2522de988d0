/**
 * Calls that met a failure: an allocation, a charge or the swap device said no, or somebody was killed. What they answer is theirs to decide, but each
 * page of memory is as it was before or as the call would have made it, and what was mapped there over is gone at most.
 *
 *   oracle ─copy─▶ before        judge ─▶ all went well all the same? that is it
 *                                  └─▶ after, whatever the answer ─▶ page by page: before, after, or unmapped on purpose
 */
import { unchecked } from "../../machine/core.ts";
import type { Mm } from "../mmTypes.ts";
import { PTE_SOFT_DIRTY, pteAt } from "../pageTable.ts";
import { vmaLookup } from "../vma.ts";
import { see } from "./adopt.testkit.ts";
import { compareArea } from "./compare.testkit.ts";
import { judge, lenient } from "./judge.testkit.ts";
import {
  type Cell,
  contentOf,
  EAGAIN,
  EFAULT,
  EINTR,
  EIO,
  ENOMEM,
  type FileModel,
  type Oracle,
  type Place,
  type Space,
} from "./oracle.testkit.ts";
import type { Op, Step } from "./step.testkit.ts";
import type { World } from "./world.testkit.ts";

/** Calls that answer how far they came. */
const COUNTING: ReadonlySet<Op> = new Set(["pin", "movePages", "migrate", "fill", "sweep"]);

export function judgeFailed(w: World, s: Step, got: number): void {
  const before = cloneOracle(w.oracle);
  const old = before.actors[s.actor]?.space;
  const dies = w.oracle.actors[s.actor].process.killed;
  if (!judged(w, s, got)) {
    const error =
      [ENOMEM, EFAULT, EAGAIN, EIO].includes(got) ||
      (dies && got === EINTR) ||
      (s.op === "brk" && got === before.actors[s.actor].space.brk);
    if (!error && !COUNTING.has(s.op)) throw new Error(`${s.op}: the result of the failed call is ${got}`);
    w.oracle = before;
    const after = { ...w, oracle: cloneOracle(before) };
    lenient.on = true;
    try {
      judge(after, s, got);
    } catch {
      after.oracle = before;
    }
    lenient.on = false;
    if (COUNTING.has(s.op) && got >= 0) w.oracle = after.oracle;
    // Who dies loses its memory anyway.
    if (!dies) unchecked(() => mix(w, s, after.oracle));
  }
  if (s.op === "mremap" && got >= 0) unchecked(() => adoptEmptied(w, s, old));
  unchecked(() => adoptPages(w));
}

/** mremap: all has been moved, and without memory to split it the old area stays, empty. */
function adoptEmptied(w: World, s: Step, old: Space): void {
  const { process, space } = w.oracle.actors[s.actor];
  for (let at = s.at; at < s.at + s.n; at++) {
    const place = old.places.get(at);
    if (!place || space.places.has(at) || !vmaLookup(process.mm as Mm, at)) continue;
    const file = place.file && (space.places.get(s.to)?.file ?? place.file);
    space.places.set(at, { ...place, file, own: null, soft: false });
  }
}

function judged(w: World, s: Step, got: number): boolean {
  const { oracle } = w;
  try {
    judge(w, s, got);
    return unchecked(() => hasAreas(w, s));
  } catch {
    w.oracle = oracle;
    return false;
  }
}

function hasAreas(w: World, s: Step): boolean {
  const actor = w.oracle.actors[s.actor];
  const mm = actor?.process.mm;
  if (!mm) return true;
  return [...actor.space.places].every(([at, place]) => {
    const vma = vmaLookup(mm, at);
    return vma !== null && compareArea(vma, at, place) === null;
  });
}

/** Each page of the caller's memory is one of three. */
function mix(w: World, s: Step, after: Oracle): void {
  const actor = w.oracle.actors[s.actor];
  const other = after.actors[s.actor];
  if (!actor || !other) return;
  const mm = actor.process.mm as Mm;
  const { space } = actor;
  const all = new Set([...space.places.keys(), ...other.space.places.keys()]);
  for (const at of all) {
    const vma = vmaLookup(mm, at);
    const candidates = [space.places.get(at), other.space.places.get(at)];
    if (!vma) {
      if (candidates[0] && candidates[1] && !givesUp(s, at))
        throw new Error(`page ${at} is not mapped after ${s.op} failed`);
      space.places.delete(at);
      continue;
    }
    const fits = (place: Place | undefined): place is Place =>
      place !== undefined && compareArea(vma, at, place) === null && hasContent(w, mm, at, place);
    const chosen = candidates.find(fits);
    if (!chosen) throw new Error(`page ${at} is neither as before nor as after ${s.op}, which failed`);
    space.places.set(at, chosen);
  }
  if (other.space.lockedOff) space.lockedOff = true;
  if (mm.brk === other.space.brk) space.brk = mm.brk;
}

/** Pages that the call unmaps first, whatever comes afterwards. */
function givesUp(s: Step, at: number): boolean {
  const within = (from: number, n: number): boolean => at >= from && at < from + n;
  if (s.op === "mmap") return within(s.at, s.n);
  if (s.op === "mremap") return within(s.to, s.pages) || within(s.at + s.pages, Math.max(0, s.n - s.pages));
  return false;
}

/** No entry means: what the file has, or zeros. */
function hasContent(w: World, mm: Mm, at: number, place: Place): boolean {
  const seen = see(w.k, mm, at);
  const expected = contentOf(place);
  return seen === null
    ? expected === contentOf({ ...place, own: null }) || place.own?.dirty === false
    : seen.content === expected;
}

/** A page of its own may have come, or not, as long as its content is the same; and what it remembers may be older. */
function adoptPages(w: World): void {
  for (const { process, space } of w.oracle.actors) {
    const mm = process.mm as Mm;
    for (const [at, place] of space.places) {
      const seen = see(w.k, mm, at);
      if (place.own && !seen?.own && place.own.value === contentOf({ ...place, own: null })) place.own = null;
      else if (!place.own && seen?.own && !place.shared && seen.content === contentOf(place)) {
        place.own = { value: seen.content, dirty: true };
      }
      if (place.soft && (pteAt(w.k, mm, at) & PTE_SOFT_DIRTY) === 0) place.soft = false;
    }
  }
}

/** Everything but processes; what is the same twice is the same twice in the copy too. */
function cloneOracle(oracle: Oracle): Oracle {
  const copies = new Map<object, object>();
  const once = <T extends object>(from: T, copy: (from: T) => T): T => {
    let to = copies.get(from) as T | undefined;
    if (!to) {
      to = copy(from);
      copies.set(from, to);
    }
    return to;
  };
  const cell = (from: Cell): Cell => once(from, (c) => ({ ...c }));
  const file = (from: FileModel): FileModel =>
    once(from, (f) => ({
      ...f,
      cells: new Map([...f.cells].map(([i, c]) => [i, cell(c)])),
      disk: new Map(f.disk),
    }));
  const place = (from: Place): Place => ({
    ...from,
    file: from.file && file(from.file),
    own: from.own && cell(from.own),
  });
  const space = (from: Space): Space =>
    once(from, (sp) => ({ ...sp, places: new Map([...sp.places].map(([at, p]) => [at, place(p)])) }));
  return {
    actors: oracle.actors.map((actor) => ({ process: actor.process, space: space(actor.space) })),
    pins: oracle.pins.map((pin) => ({
      ...pin,
      cells: pin.cells.map((c) => c && cell(c)),
      of: pin.of.map((sp) => sp && space(sp)),
    })),
    files: oracle.files.map(file),
  };
}
