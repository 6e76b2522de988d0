/**
 * Shrinkers (mm/vmscan.c, linux/shrinker.h): caches of the kernel and of drivers that can give memory back.
 *
 *   reclaim ─▶ shrinkSlab ─trylock─▶ shrinker_rwsem, for each shrinker: count ─▶ how much at this priority ─▶ scan, scan, …
 *                                                                           ▲                                    │
 *                                                                  nr_deferred ◀── what was not done this time ──┘
 *
 * They run in the middle of somebody's allocation, with whatever that task holds: who needs a lock must try it, and look at
 * `gfpMask` before he enters a file system.
 */
import { column, columns } from "../machine/columns.ts";
import type { Handle, Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { downReadTrylock, downWrite, type RwSem, rwsem, rwsemIsContended, upRead, upWrite } from "../machine/rwsem.ts";
import { bool, int, ref, struct } from "../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import { countVm, EV } from "./vmstat.ts";

/** scan: no progress is possible now. Ends this round; the work stays deferred. */
export const SHRINK_STOP = -1;
/** count: there is truly nothing, so the memcg need not ask again until something is added. */
export const SHRINK_EMPTY = -2;
export const DEFAULT_SEEKS = 2;
/** SHRINK_BATCH: objects in one call of scan, unless the shrinker says otherwise. */
export const SHRINK_BATCH = 128;

/** struct shrink_control, on the stack of one call. */
export interface ShrinkControl extends Handle {
  gfpMask: number;
  /** 0 for shrinkers that do not know nodes. */
  nid: number;
  /** 0 = root. */
  memcg: number;
  nrToScan: number;
  /** Preset to nrToScan; a shrinker whose objects differ in size says here what it really looked at. */
  nrScanned: number;
  nextFree: ShrinkControl | null;
}
const own = { ordered: "on the stack of one task" };
const controlStruct = struct("shrinkControl", {
  gfpMask: int(own),
  nid: int(own),
  memcg: int(own),
  nrToScan: int(own),
  nrScanned: int(own),
  nextFree: ref<ShrinkControl>({ ordered: "slab" }),
});

export interface ShrinkerOps {
  /** Freeable objects; 0 = do not know or not now; SHRINK_EMPTY. Must not look for deadlocks. */
  countObjects(k: Kernel, shrinker: Shrinker, sc: ShrinkControl): Task<number>;
  /** Frees up to sc.nrToScan: how many it freed, or SHRINK_STOP. */
  scanObjects(k: Kernel, shrinker: Shrinker, sc: ShrinkControl): Task<number>;
}

export interface ShrinkerOptions {
  /** Relative cost of making an object again; 0 = cheap. */
  readonly seeks?: number;
  readonly batch?: number;
  readonly numaAware?: boolean;
  readonly memcgAware?: boolean;
}

/** struct shrinker. `owner` is what container_of finds. */
export interface Shrinker<D extends object = object> extends Handle {
  next: Shrinker | null;
  registered: boolean;
  /** 0 = SHRINK_BATCH. A shrinker may adapt it while it counts. */
  batch: number;
  readonly seeks: number;
  readonly numaAware: boolean;
  readonly memcgAware: boolean;
  readonly ops: ShrinkerOps;
  readonly owner: D;
  /** First of its places (memcg * nodes + node) in the columns of all shrinkers. */
  readonly place: number;
}
const shrinkerStruct = struct("shrinker", {
  next: ref<Shrinker>({ ordered: "shrinker_rwsem" }),
  registered: bool({ ordered: "shrinker_rwsem" }),
  batch: int({ ordered: "a hint; racing counts write the same" }),
});

/** All shrinkers of a kernel. */
export interface Shrinkers extends Handle {
  readonly rwsem: RwSem;
  first: Shrinker | null;
  last: Shrinker | null;
  freeControl: ShrinkControl | null;
  /** At place + memcg * nodes + node: work put off, and whether that memcg has objects (the bit of its shrinker map). */
  readonly deferred: { readonly nr: Int32Array; readonly mapped: Int32Array };
  readonly perShrinker: number;
  created: number;
  readonly max: number;
}
const shrinkersStruct = struct("shrinkers", {
  first: ref<Shrinker>({ ordered: "shrinker_rwsem" }),
  last: ref<Shrinker>({ ordered: "shrinker_rwsem" }),
  freeControl: ref<ShrinkControl>({ ordered: "slab" }),
});

/** Set-up: room for `max` shrinkers, and for `concurrent` tasks that run one at the same time. */
export function createShrinkers(max: number, nodes: number, memcgs: number, concurrent = 4): Shrinkers {
  const atomic = { ordered: "atomic" };
  const perShrinker = nodes * memcgs;
  const controls = Array.from({ length: concurrent }, (_, i) => controlStruct.create(`shrinkControl${i}`));
  controls.forEach((each, i) => {
    each.nextFree = controls[i + 1] ?? null;
  });
  return Object.assign(shrinkersStruct.create("shrinkers"), {
    freeControl: controls[0] ?? null,
    rwsem: rwsem("shrinkerRwsem", { queue: true }, "shrinker_rwsem"),
    deferred: columns("shrinkerWork", Math.max(1, max * perShrinker), { nr: column(atomic), mapped: column(atomic) }),
    perShrinker,
    created: 0,
    max,
  });
}

/** Set-up: a shrinker that is not registered yet. Raises a RangeError when the kernel has no room for it. */
export function createShrinker<D extends object>(
  m: Machine,
  k: Kernel,
  name: string,
  ops: ShrinkerOps,
  owner: D,
  options: ShrinkerOptions = {},
): Shrinker<D> {
  const { shrinkers } = k;
  if (shrinkers.created === shrinkers.max) throw new RangeError(`the kernel has room for ${shrinkers.max} shrinkers`);
  const place = shrinkers.created++ * shrinkers.perShrinker;
  return Object.assign(shrinkerStruct.create(name), {
    batch: options.batch ?? 0,
    seeks: options.seeks ?? DEFAULT_SEEKS,
    numaAware: options.numaAware ?? false,
    memcgAware: options.memcgAware ?? false,
    ops: m.keep(ops),
    owner,
    place,
  });
}

/** register_shrinker: at the end of the list. Waits until no reclaim walks it. */
export function* registerShrinker(k: Kernel, shrinker: Shrinker): Task {
  const all = k.shrinkers;
  yield* downWrite(all.rwsem);
  must(!shrinker.registered, "assertion", `${shrinker.name} is registered twice`);
  shrinker.registered = true;
  shrinker.next = null;
  if (all.last) all.last.next = shrinker;
  else all.first = shrinker;
  all.last = shrinker;
  yield* upWrite(all.rwsem);
}

/** unregister_shrinker: when it returns, the shrinker does not run any more and never will. */
export function* unregisterShrinker(k: Kernel, shrinker: Shrinker): Task {
  const all = k.shrinkers;
  yield* downWrite(all.rwsem);
  if (shrinker.registered) {
    let before: Shrinker | null = null;
    for (let at = all.first; at && at !== shrinker; at = at.next) before = at;
    if (before) before.next = shrinker.next;
    else all.first = shrinker.next;
    if (all.last === shrinker) all.last = before;
    shrinker.next = null;
    shrinker.registered = false;
    all.deferred.nr.fill(0, shrinker.place, shrinker.place + all.perShrinker);
  }
  yield* upWrite(all.rwsem);
}

/** set_shrinker_bit: `memcg` has an object of this shrinker now, which is to be asked when it reclaims. */
export function setShrinkerBit(k: Kernel, shrinker: Shrinker, memcg: number, nid: number): void {
  k.shrinkers.deferred.mapped[shrinker.place + memcg * k.nodes + nid] = 1;
}

/**
 * shrink_slab: objects freed in one pass over the shrinkers that concern `memcg` on node `nid`; at least 1 when it stopped
 * early because somebody waits to register. Pages that become free are not counted here but by who frees them.
 */
export function* shrinkSlab(k: Kernel, gfp: number, nid: number, memcg: number, priority: number): Task<number> {
  const all = k.shrinkers;
  // Whoever registers may wait for memory himself.
  if (!(yield* downReadTrylock(all.rwsem))) return 0;
  let freed = 0;
  for (let shrinker = all.first; shrinker; shrinker = shrinker.next) {
    const wanted = memcg === 0 || (shrinker.memcgAware && isMapped(k, shrinker, memcg, nid));
    if (!wanted) continue;
    const n = yield* doShrinkSlab(k, shrinker, gfp, nid, memcg, priority);
    if (n !== SHRINK_EMPTY) freed += n;
    else if (memcg !== 0) freed += yield* shrinkerIsEmpty(k, shrinker, gfp, nid, memcg, priority);
    if ((yield* rwsemIsContended(all.rwsem)) !== 0) {
      if (freed === 0) freed = 1;
      break;
    }
  }
  yield* upRead(all.rwsem);
  return freed;
}

const isMapped = (k: Kernel, shrinker: Shrinker, memcg: number, nid: number): boolean =>
  k.shrinkers.deferred.mapped[shrinker.place + memcg * k.nodes + nid] !== 0;

/** The bit is cleared first and the count asked again: who adds an object meanwhile sets the bit, or is counted. */
function* shrinkerIsEmpty(k: Kernel, s: Shrinker, gfp: number, nid: number, memcg: number, prio: number): Task<number> {
  k.shrinkers.deferred.mapped[s.place + memcg * k.nodes + nid] = 0;
  const n = yield* doShrinkSlab(k, s, gfp, nid, memcg, prio);
  if (n === SHRINK_EMPTY) return 0;
  setShrinkerBit(k, s, memcg, nid);
  return n;
}

/** What a shrinker is asked to look at: 4 * (freeable >> priority) / seeks, and of the work put off its share. */
export function scanTarget(freeable: number, deferred: number, priority: number, seeks: number): number {
  const delta = scanDelta(freeable, priority, seeks);
  return Math.min((deferred >> priority) + delta, 2 * freeable);
}

function scanDelta(freeable: number, priority: number, seeks: number): number {
  return seeks === 0 ? Math.floor(freeable / 2) : Math.floor((4 * (freeable >> priority)) / seeks);
}

/** What is put off for the next time. */
export function nextDeferred(freeable: number, deferred: number, delta: number, scanned: number): number {
  return Math.min(Math.max(deferred + delta - scanned, 0), 2 * freeable);
}

/** do_shrink_slab: objects freed, or what count said when it was 0 or SHRINK_EMPTY. shrinker_rwsem held for reading. */
function* doShrinkSlab(
  k: Kernel,
  shrinker: Shrinker,
  gfp: number,
  nid: number,
  memcg: number,
  priority: number,
): Task<number> {
  const sc = takeControl(k);
  sc.gfpMask = gfp;
  sc.nid = shrinker.numaAware ? nid : 0;
  sc.memcg = shrinker.memcgAware ? memcg : 0;
  sc.nrToScan = 0;
  sc.nrScanned = 0;
  const freeable = yield* shrinker.ops.countObjects(k, shrinker, sc);
  const freed = freeable <= 0 ? freeable : yield* scanRound(k, shrinker, sc, freeable, priority);
  releaseControl(k, sc);
  return freed;
}

function* scanRound(
  k: Kernel,
  shrinker: Shrinker,
  sc: ShrinkControl,
  freeable: number,
  priority: number,
): Task<number> {
  const at = shrinker.place + sc.memcg * k.nodes + sc.nid;
  // xchg: two tasks that shrink at once do not both do the work that was put off.
  const deferred = k.shrinkers.deferred.nr[at];
  k.shrinkers.deferred.nr[at] = 0;
  const delta = scanDelta(freeable, priority, shrinker.seeks);
  const batch = shrinker.batch === 0 ? SHRINK_BATCH : shrinker.batch;
  let total = scanTarget(freeable, deferred, priority, shrinker.seeks);
  let freed = 0;
  let scanned = 0;
  while (total >= batch || total >= freeable) {
    sc.nrToScan = Math.min(batch, total);
    sc.nrScanned = sc.nrToScan;
    const n = yield* shrinker.ops.scanObjects(k, shrinker, sc);
    if (n === SHRINK_STOP) break;
    freed += n;
    countVm(k, EV.slabs_scanned, sc.nrScanned);
    total -= sc.nrScanned;
    scanned += sc.nrScanned;
  }
  k.shrinkers.deferred.nr[at] += nextDeferred(freeable, deferred, delta, scanned);
  return freed;
}

function takeControl(k: Kernel): ShrinkControl {
  const sc = k.shrinkers.freeControl;
  if (!sc) throw new RangeError("more tasks shrink at once than the kernel has room for");
  k.shrinkers.freeControl = sc.nextFree;
  sc.nextFree = null;
  return sc;
}

function releaseControl(k: Kernel, sc: ShrinkControl): void {
  sc.gfpMask = 0;
  sc.nid = 0;
  sc.memcg = 0;
  sc.nrToScan = 0;
  sc.nrScanned = 0;
  sc.nextFree = k.shrinkers.freeControl;
  k.shrinkers.freeControl = sc;
}
