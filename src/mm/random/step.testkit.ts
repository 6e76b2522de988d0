/** From six small numbers to a call: what they mean depends on who is there, so that any part of a sequence makes sense. */
import type { File } from "../fs.ts";
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
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_WILLNEED,
  MADV_WIPEONFORK,
} from "../madvise.ts";
import { MAP_ANONYMOUS, MAP_LOCKED, MAP_POPULATE, MAP_PRIVATE, MAP_SHARED, type Process } from "../mmTypes.ts";
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from "../mremap.ts";

/** Kind, process, place, length, and two more. */
export type Raw = readonly [number, number, number, number, number, number];

/** What happens how often. */
const WEIGHTS = {
  write: 16,
  read: 10,
  mmap: 11,
  munmap: 3,
  mprotect: 5,
  madvise: 9,
  mremap: 6,
  brk: 2,
  mlock: 3,
  munlock: 2,
  msync: 2,
  fork: 4,
  vfork: 1,
  exec: 1,
  exit: 1,
  pin: 6,
  dma: 5,
  unpin: 2,
  readv: 2,
  writev: 3,
  memWrite: 3,
  clearRefs: 3,
  movePages: 3,
  migrate: 2,
  mbind: 2,
  fileWrite: 4,
  fileRead: 2,
  truncate: 3,
  punch: 2,
  fsync: 2,
  directRead: 2,
  directWrite: 2,
  reopen: 1,
} as const;
/** What happens besides, where memory is short. */
const PRESSURE = {
  reclaim: 3,
  limit: 3,
  joins: 2,
  dropCaches: 2,
  shortage: 6,
  breakSwap: 3,
  pause: 6,
  dontneed: 2,
  grow: 14,
  fill: 14,
  sweep: 10,
  pageout: 6,
  lazyfree: 3,
  swapoff: 1,
} as const;
export type Op = keyof typeof WEIGHTS | keyof typeof PRESSURE;
const listOf = (weights: Partial<Record<Op, number>>): Op[] =>
  (Object.keys(weights) as Op[]).flatMap((op) => Array.from({ length: weights[op] ?? 0 }, () => op));
const OPS = listOf(WEIGHTS);
const ALL_OPS = [...OPS, ...listOf(PRESSURE)];
const opsOf = (pressure: boolean): readonly Op[] => (pressure ? ALL_OPS : OPS);
/** How many kinds of calls there are, each as often as it is likely. */
export const kinds = (pressure: boolean): number => opsOf(pressure).length;

export interface Step {
  readonly op: Op;
  readonly actor: number;
  readonly process: Process;
  readonly target: number;
  readonly targetProcess: Process;
  readonly at: number;
  readonly n: number;
  readonly prot: number;
  readonly flags: number;
  /** Which file; -1 = none. */
  readonly path: number;
  readonly file: File | null;
  readonly index: number;
  readonly bytes: number;
  readonly to: number;
  readonly pages: number;
  readonly value: number;
  readonly pin: number;
}

/** Who and what there is. */
export interface Cast {
  readonly processes: readonly Process[];
  /** Pages that each of them has mapped, in any fixed order. */
  mapped(actor: number): readonly number[];
  readonly files: readonly File[];
  readonly pins: readonly number[];
  /** First page of the heap. */
  readonly heap: number;
  readonly base: number;
  /** Behind the last page of an address space. */
  readonly top: number;
  readonly pressure: boolean;
  /** Where the last call was. */
  readonly focus: { readonly actor: number; readonly at: number } | null;
}

const OF_TARGET: ReadonlySet<Op> = new Set(["readv", "writev", "memWrite"]);
const ON_MEMORY: ReadonlySet<Op> = new Set([
  "write",
  "read",
  "munmap",
  "mprotect",
  "madvise",
  "mremap",
  "mlock",
  "pin",
  "writev",
  "movePages",
  "fill",
  "sweep",
  "pageout",
  "lazyfree",
]);
/** Advice that is given more often than others. */
const ADVICE_OF: Partial<Record<Op, number>> = { pageout: MADV_PAGEOUT, lazyfree: MADV_FREE };
export const isAimed = (step: Step): boolean => ON_MEMORY.has(step.op);
const PROTS = [3, 3, 3, 3, 3, 1, 5, 0];
const ADVICES = [
  MADV_DONTNEED,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_REMOVE,
  MADV_DONTFORK,
  MADV_DOFORK,
  MADV_WIPEONFORK,
  MADV_KEEPONFORK,
  MADV_COLD,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_DONTNEED_LOCKED,
  MADV_WILLNEED,
  MADV_RANDOM,
];
const MOVES = [
  MREMAP_MAYMOVE | MREMAP_FIXED,
  MREMAP_MAYMOVE | MREMAP_FIXED,
  MREMAP_MAYMOVE | MREMAP_FIXED,
  MREMAP_MAYMOVE,
  0,
  MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED,
  MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
  MREMAP_FIXED,
];
const MAPS = [MAP_PRIVATE, MAP_PRIVATE, MAP_SHARED, MAP_PRIVATE, MAP_SHARED, MAP_SHARED];
const EXTRAS = [0, 0, 0, 0, 0, MAP_POPULATE, MAP_LOCKED, 0];

export function decode(raw: Raw, cast: Cast): Step {
  const [kind, who, place, length, x, y] = raw;
  const wanted = opsOf(cast.pressure)[kind % kinds(cast.pressure)];
  // What goes wrong takes several calls at one place.
  const { focus } = cast;
  const stays = focus !== null && who >= 36 && focus.actor < cast.processes.length && ON_MEMORY.has(wanted);
  const actor = stays ? focus.actor : who % cast.processes.length;
  const target = (who >> 2) % cast.processes.length;
  const mapped = cast.mapped(OF_TARGET.has(wanted) ? target : actor);
  // Who has nothing yet is likely to get something.
  const hasNothing = mapped.length === 0 && (place & 3) > 0 && ON_MEMORY.has(wanted);
  const advice = ADVICE_OF[wanted];
  const grows = cast.pressure && (hasNothing || wanted === "grow");
  const op: Op = hasNothing || grows ? "mmap" : advice === undefined ? wanted : "madvise";
  // Now and then whole page tables.
  const large = length >= 56;
  const near = place % 9 === 0 ? cast.heap : cast.base;
  const aimed = op !== "mmap" && mapped.length > 0 && place % 5 > 0;
  const anywhere = near + (large ? ((place >> 1) & 3) * 16 : cast.pressure ? place : (place >> 1) % 40);
  const chosen = aimed ? mapped[(place * 7 + length) % mapped.length] : anywhere;
  const address = stays && op !== "mmap" ? focus.at : chosen;
  const path = grows || (op === "mmap" && x % 6 < 3) ? -1 : (x >> 3) % cast.files.length;
  const at = aimed && large ? address & ~15 : address;
  return {
    op,
    actor,
    process: cast.processes[actor],
    target,
    targetProcess: cast.processes[target],
    at,
    n: Math.min(large ? 16 + 16 * (length & 1) : 1 + (length % (cast.pressure ? 14 : 6)), cast.top - at),
    prot: grows ? 3 : PROTS[y & 7],
    flags: grows ? GROWS : advice !== undefined && !hasNothing ? advice : flagsOf(op, x, y),
    path,
    file: path < 0 ? null : cast.files[path],
    index: y % 10,
    bytes: 4096 * (y % 20) + (x % 5 === 0 ? 2048 : 0),
    to: op === "brk" ? cast.heap + (y % 14) - 1 : cast.base + (large ? (y & 3) * 16 : y % 48),
    pages: Math.max(0, (large ? 16 : 1 + (length % 6)) + SIZES[x & 7]),
    value: 1 + x * 256 + y,
    pin: cast.pins.length === 0 ? -1 : cast.pins[x % cast.pins.length],
  };
}

/** A step that is written out: what is not said is as in `base`. Addresses count from the first page for mappings. */
export function complete(base: Step, given: Partial<Step>, cast: Cast): Step {
  const { actor = 0, at = 0, path = -1, target = 0, to = 0 } = given;
  const near = (page: number): number => cast.base + page;
  return {
    ...base,
    ...given,
    actor,
    target,
    path,
    process: cast.processes[actor],
    targetProcess: cast.processes[target],
    file: path < 0 ? null : cast.files[path],
    at: near(at),
    to: given.op === "brk" ? cast.heap + to : near(to),
    pin: given.pin ?? -1,
  };
}

/** Memory that is there at once. */
const GROWS = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
const SIZES = [0, 0, 0, 0, 1, 3, -1, -2];

function flagsOf(op: Op, x: number, y: number): number {
  if (op === "mmap") return MAPS[x % 6] | (x % 6 < 3 ? MAP_ANONYMOUS : 0) | EXTRAS[(y >> 3) & 7];
  if (op === "madvise") return ADVICES[x % ADVICES.length];
  if (op === "mremap") return MOVES[(x >> 3) % MOVES.length];
  return y;
}

export function describe(s: Step): string {
  const { actor, at, flags, index, n, op, path, target } = s;
  const words: Partial<Record<Op, string>> = {
    write: `${at} = ${s.value}`,
    read: `${at}`,
    mmap: `${at} ${n} prot ${s.prot} flags 0x${flags.toString(16)} file ${path} from page ${index}`,
    mprotect: `${at} ${n} ${s.prot}`,
    madvise: `${at} ${n} ${flags}`,
    mremap: `${at} ${n} to ${s.to} ${s.pages} flags ${flags}`,
    brk: `${s.to}`,
    pin: `${at} ${n & 3} flags ${flags & 15}`,
    dma: `pin ${s.pin} ${flags & 1 ? `= ${s.value}` : ""}`,
    unpin: `pin ${s.pin}`,
    readv: `of ${target} ${at}`,
    writev: `of ${target} ${at} = ${s.value}`,
    memWrite: `of ${target} ${at} = ${s.value}`,
    clearRefs: `${1 + (flags % 5)}`,
    fileWrite: `file ${path} page ${index} = ${s.value}`,
    fileRead: `file ${path} page ${index}`,
    truncate: `file ${path} ${s.bytes}`,
    punch: `file ${path} page ${index} ${n}`,
    directRead: `file ${path} page ${index} into ${at}`,
    directWrite: `file ${path} page ${index} from ${at}`,
    reopen: `file ${path} ${flags & 3}`,
    fsync: `file ${path}`,
    fork: "",
    vfork: "",
    exec: "",
    exit: "",
    reclaim: `${flags % 4} ${n}`,
    limit: `${flags % 4} ${s.value & 63}`,
    joins: `${flags % 4}`,
    dropCaches: "",
    shortage: `${1 + (flags % 14)}`,
    grow: "",
    fill: `${at} ${n} = ${s.value} and on`,
    sweep: `${at} ${n}`,
    breakSwap: `${flags & 7}`,
    swapoff: "",
    pause: "",
    dontneed: `file ${path} page ${index} ${n}`,
  };
  return `${actor} ${op} ${words[op] ?? `${at} ${n} ${flags}`}`;
}
