/**
 * Random sequences of system calls by up to three processes, against a naive oracle of what memory contains. One machine
 * is built and restored before each sequence; all of a sequence is one step of its only task.
 *
 *   six numbers ─decode─▶ step ─perform─▶ result ─judge─▶ oracle goes on ─compare, checkKernel─▶ next
 */
import { type Cell, cell } from "../../machine/cell.ts";
import type { Machine } from "../../machine/machine.ts";
import { buildSequential } from "../../machine/sequential.ts";
import { startFlusher } from "../flusher.ts";
import type { File } from "../fs.ts";
import { createPages, type Pages } from "../gup.ts";
import { nameFile } from "../inode.ts";
import { createKernel, type Kernel } from "../kernel.ts";
import { startKswapd } from "../kswapd.ts";
import type { Mm, Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { OOM_SCORE_ADJ_MIN } from "../oomKill.ts";
import { startOomReaper } from "../oomReaper.ts";
import { startSwapDevice } from "../pageIo.ts";
import { startCounting } from "./counts.testkit.ts";
import { drive } from "./drive.testkit.ts";
import { newFile, newSpace, type Oracle } from "./oracle.testkit.ts";
import { ROOMY, type Shape } from "./shapes.testkit.ts";
import type { Raw, Step } from "./step.testkit.ts";
import { FILE_PAGES, PATHS, PIN_PAGES, PIN_SLOTS, run, type World, world } from "./world.testkit.ts";

/** The machine that all sequences run on, and how it was before the first. */
interface Stage {
  readonly m: Machine;
  readonly k: Kernel;
  readonly first: Process;
  readonly pinned: readonly Pages[];
  readonly files: File[];
  readonly go: Cell;
  readonly rest: Cell;
  readonly before: Int32Array;
}
const stages = new Map<Shape, Stage>();
const w = (): World => world.now as World;

function build(shape: Shape): Stage {
  const parts: Partial<Stage> = {};
  run.files = [];
  const m = buildSequential((machine) => {
    const k = createKernel(machine, shape.options);
    PATHS.forEach((path) => {
      nameFile(k, path);
    });
    const go = cell("go");
    const rest = cell("rest");
    const first = createProcess(k);
    const pinned = Array.from({ length: PIN_SLOTS }, (_, i) => createPages(`pin${i}`, PIN_PAGES));
    for (const pages of pinned) machine.keep(pages);
    first.oomScoreAdj = OOM_SCORE_ADJ_MIN;
    Object.assign(parts, { k, go, rest, first, pinned });
    machine.spawn("driver", drive, [k, go, rest]);
    if (shape.pressure) startDaemons(machine, k);
  });
  return { ...(parts as Stage), files: run.files, m, before: m.snapshot() };
}

/** The device comes last: see `turns`. */
function startDaemons(m: Machine, k: Kernel): void {
  startKswapd(m, k);
  startFlusher(m, k);
  startOomReaper(m, k);
  if (k.swap.slow) startSwapDevice(m, k);
}

function stageOf(shape: Shape): Stage {
  const stage = stages.get(shape) ?? build(shape);
  stages.set(shape, stage);
  return stage;
}

/** Runs written-out calls, which must do what the oracle says: their results. Raises an error where they do not. */
export function results(steps: readonly Partial<Step>[], shape: Shape = ROOMY): readonly number[] {
  run.steps = steps;
  const wrong = runCalls([], true, shape);
  run.steps = [];
  if (wrong !== null) throw new Error(wrong);
  return (world.now as World).results;
}

/** Runs the calls. Null = all is well, else what went wrong, after which calls. `everyCall`: all is compared after each. */
export function runCalls(raws: readonly Raw[], everyCall: boolean, shape: Shape = ROOMY): string | null {
  const stage = stageOf(shape);
  const { before, files, first, go, k, m, pinned } = stage;
  m.activate();
  m.words.set(before);
  const mm = first.mm as Mm;
  const oracle: Oracle = {
    actors: [{ process: first, space: newSpace(mm.startBrk) }],
    pins: [],
    files: PATHS.map((_, i) => newFile(i > 0, FILE_PAGES * 4096)),
  };
  world.now = {
    k,
    shape,
    oracle,
    files: [...files],
    pinned,
    pinCount: pinned.map(() => 0),
    pinFlags: pinned.map(() => 0),
    step: null,
    child: null,
    pinnedSlot: -1,
    areaStart: -1,
    areaEnd: -1,
    log: [],
    results: [],
    failures: 0,
    shortage: 0,
    resting: false,
    focus: null,
    swept: [],
    unreadable: false,
    mayUse: (slot) => Boolean(w().oracle.pins.find((pin) => pin.slot === slot)?.cells[0]),
    mayWrite: (slot) => Boolean(w().oracle.pins.find((pin) => pin.slot === slot)?.write),
  };
  run.raws = raws;
  run.everyCall = everyCall;
  go.value = 1;
  startCounting(k);
  try {
    if (shape.pressure) turns(stage);
    else m.step(0);
    return m.enabled(0) ? "the driver has not come to its end" : stuck(m);
  } catch (e) {
    if (isPanic(e)) return null;
    return [e instanceof Error ? e.message : String(e), ...w().log].join("\n");
  }
}

/** The end of a run: nothing could be reclaimed, and there was nobody whom the OOM killer might have chosen. */
function isPanic(e: unknown): boolean {
  if (!(e instanceof Error) || !e.message.startsWith("Out of memory,")) return false;
  return w().oracle.actors.every(
    ({ process }) => process.oomScoreAdj === OOM_SCORE_ADJ_MIN || process.oomMm?.oomSkip === true,
  );
}

/** More than any sequence needs: somebody goes round in circles. */
const MOST_TURNS = 200_000;

/**
 * The driver, and after each of its turns the other tasks that can go on: kswapd and the flusher always, the swap device only
 * now and then, or when nobody else can go on. A driver that waits for the others to rest goes on when the device is the only
 * one with something to do.
 */
function turns({ k, m, rest }: Stage): void {
  const n = m.tasks.length;
  const device = k.swap.slow ? n - 1 : n;
  for (let turn = 0; turn < MOST_TURNS; turn++) {
    let idle = true;
    for (let t = 0; t < device; t++) {
      if (!m.enabled(t)) continue;
      m.step(t);
      idle = false;
    }
    if (device < n && (idle ? !w().resting || busy(k) : turn % 5 === 0) && m.enabled(device)) {
      m.step(device, (turn >> 1) % m.choices(device));
      idle = false;
    }
    if (!idle) continue;
    if (!w().resting) return;
    rest.value = 1;
  }
  throw new Error("the calls go on for ever");
}

/** Is kswapd in the middle of something? */
const busy = (k: Kernel): boolean => k.pgdats.some((pgdat) => !pgdat.kswapdSleeps);

function stuck(m: Machine): string | null {
  const finding = m.judgeEnd();
  return finding === null ? null : [finding.message, ...w().log].join("\n");
}
