/**
 * Random sequences of system calls by up to three processes, against a naive oracle of what memory contains. One machine
 * is built and restored before each sequence; all of a sequence is one step of its only task.
 *
 *   six numbers ─decode─▶ step ─perform─▶ result ─judge─▶ oracle goes on ─compare, checkKernel─▶ next
 */
import { type Cell, cell } from "../../machine/cell.ts";
import type { Machine } from "../../machine/machine.ts";
import { buildSequential } from "../../machine/sequential.ts";
import type { File } from "../fs.ts";
import { createPages, type Pages } from "../gup.ts";
import { nameFile } from "../inode.ts";
import { createKernel, type Kernel } from "../kernel.ts";
import type { Mm, Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { drive } from "./drive.testkit.ts";
import { newFile, newSpace, type Oracle } from "./oracle.testkit.ts";
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
  readonly before: Int32Array;
}
const stage: { now: Stage | null } = { now: null };
const w = (): World => world.now as World;

function build(): Stage {
  const parts: Partial<Stage> = {};
  run.files = [];
  const m = buildSequential((machine) => {
    const k = createKernel(machine, {
      frames: 768,
      movable: 0.25,
      tables: 160,
      tableShift: 4,
      windowShift: 10,
      vmas: 192,
      mms: 4,
      processes: 4,
      inodes: 64,
      files: 6,
      filePages: 48,
      gatherPages: 6,
      watchPtes: true,
    });
    PATHS.forEach((path) => {
      nameFile(k, path);
    });
    const go = cell("go");
    const first = createProcess(k);
    const pinned = Array.from({ length: PIN_SLOTS }, (_, i) => createPages(`pin${i}`, PIN_PAGES));
    for (const pages of pinned) machine.keep(pages);
    Object.assign(parts, { k, go, first, pinned });
    machine.spawn("driver", drive, [k, go]);
  });
  return { ...(parts as Stage), files: run.files, m, before: m.snapshot() };
}

const theStage = (): Stage => {
  stage.now ??= build();
  return stage.now;
};

/** Runs written-out calls, which must do what the oracle says: their results. Raises an error where they do not. */
export function results(steps: readonly Partial<Step>[]): readonly number[] {
  run.steps = steps;
  const wrong = runCalls([], true);
  run.steps = [];
  if (wrong !== null) throw new Error(wrong);
  return (world.now as World).results;
}

/** Runs the calls. Null = all is well, else what went wrong, after which calls. `everyCall`: all is compared after each. */
export function runCalls(raws: readonly Raw[], everyCall: boolean): string | null {
  const { before, files, first, go, k, m, pinned } = theStage();
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
    mayUse: (slot) => Boolean(oracle.pins.find((pin) => pin.slot === slot)?.cells[0]),
    mayWrite: (slot) => Boolean(oracle.pins.find((pin) => pin.slot === slot)?.write),
  };
  run.raws = raws;
  run.everyCall = everyCall;
  go.value = 1;
  try {
    m.step(0);
    return m.enabled(0) ? "the driver has not come to its end" : stuck(m);
  } catch (e) {
    return [e instanceof Error ? e.message : String(e), ...w().log].join("\n");
  }
}

function stuck(m: Machine): string | null {
  const finding = m.judgeEnd();
  return finding === null ? null : [finding.message, ...w().log].join("\n");
}
