/**
 * A small machine that is out of memory: all free pages are reserves, and a process with a few pages of one kind is all that
 * reclaim could take something from. A task stands ready to allocate until it gets nothing any more, holding and being what the
 * question says.
 *
 *   NORMAL: pages of the process │ taken │ min watermark      MOVABLE: taken │ min watermark
 */
import { memallocSave } from "../../machine/context.ts";
import type { Handle, Task } from "../../machine/core.ts";
import { emit } from "../../machine/events.ts";
import { lockFolio } from "../../machine/folioLock.ts";
import { __GFP_MOVABLE } from "../../machine/gfp.ts";
import type { Machine } from "../../machine/machine.ts";
import { lock } from "../../machine/mutex.ts";
import { downRead, downWrite, type RwSem, upRead } from "../../machine/rwsem.ts";
import { buildSequential } from "../../machine/sequential.ts";
import { int, struct } from "../../machine/struct.ts";
import { until } from "../../machine/wait.ts";
import { becomeProcess } from "../current.ts";
import { createPages, type Pages } from "../gup.ts";
import { createKernel, type Kernel } from "../kernel.ts";
import { balancePgdat } from "../kswapd.ts";
import type { Mm, Process, Vma } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { createNotifier, type MmuNotifier, mmuNotifierRegister } from "../mmuNotifier.ts";
import { OOM_SCORE_ADJ_MIN, registerOomNotifier } from "../oomKill.ts";
import { folioLockWord } from "../page.ts";
import { allocPage } from "../pageAlloc.ts";
import type { Rules } from "../rules.ts";
import { registerShrinker, type Shrinker } from "../shrinker.ts";
import { ZONE_MOVABLE, ZONE_NORMAL } from "../zone.ts";
import { createDevices, createWatchedShrinkers, type Devices, watchingOps } from "./devices.ts";
import { CALLERS, LOCKS, type PageKind } from "./names.ts";
import { frameOf, mapPages } from "./pageKinds.ts";

/** Pages of the process: fewer than what one reclaim wants, so that it goes down to priority 0. */
export const PAGES = 6;
/** Highest zone that kswapd balances. */
const ALL_ZONES = 3;
/** Times that kswapd looks: at small lists it takes a page or two at a time. */
const KSWAPD_PASSES = 16;

/** What the task is asked to do: to allocate until nothing comes any more, or to be kswapd and reclaim. */
export const ALLOCATE = 1;
export const BALANCE = 2;

/** What the task is asked; set from outside while it waits for `asked`. */
export interface Question extends Handle {
  /** 0, ALLOCATE or BALANCE. */
  asked: number;
  gfp: number;
  /** PF_* flags to set. */
  flags: number;
  /** Index of LOCKS, of CALLERS. */
  held: number;
  caller: number;
  /** Is the caller, if it is a process, whom the OOM killer chooses? Else the owner of the pages is. */
  victim: number;
  /** Answers: pages got, zone type of the first one, and whether the last call failed. */
  taken: number;
  zone: number;
  failed: number;
}

const ordered = "one task, and who asks it";
const questionStruct = struct("question", {
  asked: int({ ordered }),
  gfp: int({ ordered }),
  flags: int({ ordered }),
  held: int({ ordered }),
  caller: int({ ordered }),
  victim: int({ ordered }),
  taken: int({ ordered }),
  zone: int({ ordered, initial: -1 }),
  failed: int({ ordered }),
});

export interface World extends Handle {
  readonly k: Kernel;
  readonly question: Question;
  readonly devices: Devices;
  readonly shrinkers: readonly Shrinker[];
  readonly notifier: MmuNotifier;
  /** Whose pages are on the lists, and who allocates if it is a process. */
  readonly owner: Process;
  readonly caller: Process;
  readonly kind: PageKind;
  readonly pins: Pages;
}
const worldStruct = struct("world", {});

export interface BuiltWorld {
  readonly m: Machine;
  readonly world: World;
}

/** `exhausted` false: nothing is taken and nothing is mapped. */
export function buildWorld(kind: PageKind, rules: Rules, exhausted: boolean): BuiltWorld {
  const made: World[] = [];
  const m = buildSequential((machine) => {
    const world = createWorld(machine, kind, rules);
    made[0] = world;
    machine.spawn("caller", answer, [world, exhausted]);
  });
  return { m, world: made[0] as World };
}

function createWorld(m: Machine, kind: PageKind, rules: Rules): World {
  const k = createKernel(m, {
    rules,
    nodes: 1,
    zones: [
      { name: "NORMAL", pages: 40 },
      { name: "MOVABLE", pages: 8 },
    ],
    minFreeKbytes: 48,
    swapPages: 512,
    shrinkers: 3,
    ageMask: 0,
    tableShift: 3,
    windowShift: 3,
    tables: 8,
    mms: 2,
    processes: 2,
    vmas: 2,
    inodes: 1,
    files: 1,
    filePages: 8,
    gathers: 1,
    gatherPages: 8,
    reclaimers: 2,
  });
  // kswapd itself does not run: it is enough to see that it would be woken.
  k.pgdats[0].hasKswapd = true;
  k.pgdats[0].kswapdSleeps = true;
  registerOomNotifier(k, noteOom);
  const devices = createDevices();
  return Object.assign(worldStruct.create("world"), {
    k,
    question: questionStruct.create("question"),
    devices,
    shrinkers: m.keep(createWatchedShrinkers(m, k, devices)),
    notifier: createNotifier(m, "notifier", watchingOps, devices),
    owner: createProcess(k),
    caller: createProcess(k),
    kind: m.keep(kind),
    pins: m.keep(createPages("pins", PAGES)),
  });
}

function* noteOom(): Task<number> {
  emit("oom");
  return 0;
}

/** The task. */
function* answer(w: World, exhausted: boolean): Task {
  const { k, question } = w;
  yield* mmuNotifierRegister(k, w.notifier, w.owner.mm as Mm);
  for (let i = 0; i < w.shrinkers.length; i++) yield* registerShrinker(k, w.shrinkers[i]);
  if (exhausted) yield* exhaust(w);
  k.pgdats[0].kswapdSleeps = true;
  yield* until(() => question.asked !== 0);
  if (question.victim !== 0) w.owner.oomScoreAdj = OOM_SCORE_ADJ_MIN;
  if (CALLERS[question.caller] === "process") becomeProcess(w.caller);
  yield* hold(w, question.held);
  memallocSave(question.flags);
  if (question.asked === ALLOCATE) yield* allocateAll(w);
  else for (let i = 0; i < KSWAPD_PASSES; i++) yield* balancePgdat(k, k.pgdats[0], ALL_ZONES);
}

function* exhaust(w: World): Task {
  const { k } = w;
  yield* takeZone(k, ZONE_MOVABLE, __GFP_MOVABLE);
  yield* mapPages(k, w.owner, w.kind, PAGES, w.pins);
  // This mask may neither reclaim nor use reserves.
  yield* takeZone(k, ZONE_NORMAL, 0);
}

/** Until only the reserves of the zone are left. */
function* takeZone(k: Kernel, type: number, gfp: number): Task {
  const zone = k.zones[type === ZONE_MOVABLE ? 1 : 0];
  while (k.zoneState.free[zone.index] > zone.marks.min) yield* allocPage(k, gfp);
}

function* allocateAll(w: World): Task {
  const { k, question } = w;
  for (;;) {
    const pfn = yield* allocPage(k, question.gfp);
    if (pfn < 0) break;
    if (question.taken === 0) question.zone = pfn >= k.zones[1].start ? ZONE_MOVABLE : ZONE_NORMAL;
    question.taken++;
    emit("page");
  }
  question.failed = 1;
}

function* hold(w: World, which: number): Task {
  const { devices, owner, k } = w;
  const mm = owner.mm as Mm;
  switch (LOCKS[which]) {
    case "spinlock":
      yield* lock(devices.spin);
      break;
    case "driver":
      yield* lock(devices.driver);
      break;
    case "mmap_lock":
      yield* downWrite(mm.mmapLock);
      break;
    case "gem-trylock":
      yield* lock(devices.gemTried);
      break;
    case "gem":
      yield* lock(devices.gemLocked);
      break;
    case "fs":
      yield* lock(devices.fs);
      break;
    case "folio":
      yield* lockFolio(folioLockWord(k, frameOf(k, owner, 0)));
      break;
    case "rmap":
      yield* downWrite(yield* rmapLock(mm));
      break;
    default:
  }
}

/** Of the only mapping. */
function* rmapLock(mm: Mm): Task<RwSem> {
  yield* downRead(mm.mmapLock);
  const vma = mm.mmap as Vma;
  const rwsem = vma.inode ? vma.inode.immapRwsem : (vma.anonVma?.root?.rwsem as RwSem);
  yield* upRead(mm.mmapLock);
  return rwsem;
}
