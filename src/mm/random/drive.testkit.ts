/** The only task of a run: makes the files, waits, does the calls, and ends everything. */
import { type Cell, writeOnce } from "../../machine/cell.ts";
import { setTaskOwner } from "../../machine/context.ts";
import type { Task } from "../../machine/core.ts";
import { flushSignals } from "../../machine/killable.ts";
import { until } from "../../machine/wait.ts";
import { checkRmap } from "../checkReferences.ts";
import { checkKernel, checkNothingLeft } from "../checks.ts";
import { becomeProcess } from "../current.ts";
import { sysExit } from "../exit.ts";
import { type File, type Inode, O_CREAT } from "../fs.ts";
import { closeFile, openFile, unlinkFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import type { Mm, Process } from "../mmTypes.ts";
import { OOM_SCORE_ADJ_MIN } from "../oomKill.ts";
import { lruAddDrain } from "../swap.ts";
import { truncateSetsize } from "../truncate.ts";
import { taskSize } from "../unmappedArea.ts";
import { vmaLookup } from "../vma.ts";
import { adoptReclaimed, adoptWritten, someUnreadable } from "./adopt.testkit.ts";
import { compare } from "./compare.testkit.ts";
import { compareCounts } from "./counts.testkit.ts";
import { judge } from "./judge.testkit.ts";
import { judgeFailed } from "./judgeFailed.testkit.ts";
import type { Oracle } from "./oracle.testkit.ts";
import { perform, unpins } from "./perform.testkit.ts";
import { complete, decode, describe, isAimed, type Raw, type Step } from "./step.testkit.ts";
import { FILE_PAGES, PATHS, PIN_SLOTS, run, type World, world } from "./world.testkit.ts";

const w = (): World => world.now as World;

export function* drive(k: Kernel, go: Cell, rest: Cell): Task {
  for (let i = 0; i < PATHS.length; i++) {
    const file = yield* openFile(k, i + 1, O_CREAT);
    yield* truncateSetsize(k, (file as File).inode as Inode, FILE_PAGES * 4096);
    run.files.push(file as File);
  }
  yield* until(() => go.value === 1);
  for (let i = 0; i < calls(); i++) {
    begin(i);
    const got = yield* perform();
    const looks = run.everyCall || i + 1 === calls();
    if (looks && w().shape.pressure) yield* settle(rest);
    end(got);
    const died = yield* bury(k);
    if (!looks) continue;
    if (died) yield* settle(rest);
    look();
  }
  for (let slot = 0; slot < PIN_SLOTS; slot++) if (w().pinCount[slot] > 0) yield* unpins(slot, true);
  while (w().oracle.actors.length > 0) yield* sysExit(k, takeLast());
  setTaskOwner(null);
  for (let i = 0; i < PATHS.length; i++) {
    yield* closeFile(k, w().files[i]);
    yield* unlinkFile(k, i + 1);
  }
  yield* lruAddDrain(k);
  if (w().shape.pressure) yield* settle(rest);
  complain(checkNothingLeft(k));
  complain(compareCounts(w(), true));
}

/** Until kswapd and the flusher sleep. The swap device may still have something to do. */
function* settle(rest: Cell): Task {
  w().resting = true;
  yield* until(() => rest.value === 1);
  yield* writeOnce(rest, 0);
  w().resting = false;
}

/** Whom the OOM killer has chosen goes no further than to the end of the call. Did anybody die? */
function* bury(k: Kernel): Task<boolean> {
  let died = false;
  for (let i = w().oracle.actors.length - 1; i >= 0; i--) {
    if (!w().oracle.actors[i].process.killed) continue;
    died = true;
    yield* sysExit(k, w().oracle.actors[i].process);
    w().oracle.actors[i].space.users--;
    w().oracle.actors.splice(i, 1);
  }
  if (died) flushSignals();
  return died;
}

const takeLast = (): Process => (w().oracle.actors.pop() as Oracle["actors"][number]).process;

const calls = (): number => Math.max(run.raws.length, run.steps.length);
const NOTHING: Raw = [0, 0, 0, 0, 0, 0];

function begin(i: number): void {
  adoptReclaimed(w());
  const { files, k, oracle } = w();
  const { startBrk } = oracle.actors[0].space;
  const processes = oracle.actors.map((actor) => actor.process);
  const pins = oracle.pins.map((pin) => pin.slot);
  const mapped = (actor: number) => [...oracle.actors[actor].space.places.keys()];
  const { focus, shape } = w();
  const { pressure } = shape;
  const base = 1 << k.windowShift;
  const cast = { processes, mapped, files, pins, heap: startBrk, base, top: taskSize(k), pressure, focus };
  const step: Step =
    i < run.raws.length ? decode(run.raws[i], cast) : complete(decode(NOTHING, cast), run.steps[i], cast);
  const area = vmaLookup(step.process.mm as Mm, step.at);
  Object.assign(w(), { step, child: null, pinnedSlot: -1, areaStart: area?.start ?? -1, areaEnd: area?.end ?? -1 });
  w().log.push(describe(step) + (w().shortage > 0 ? `, allocation ${w().shortage} fails` : ""));
  w().failures = k.stat.failures;
  if (pressure) prepare(step);
  k.state.failIn = w().shortage;
  w().shortage = 0;
}

/** The driver is the process of its next call. The first one, and who shares its memory, are not to be killed. */
function prepare(step: Step): void {
  const { actors } = w().oracle;
  for (const { process, space } of actors) process.oomScoreAdj = space === actors[0].space ? OOM_SCORE_ADJ_MIN : 0;
  becomeProcess(step.process);
  if (isAimed(step)) w().focus = { actor: step.actor, at: step.at };
}

function end(got: number): void {
  w().log[w().log.length - 1] += ` -> ${got}`;
  w().results.push(got);
  const { k, failures } = w();
  k.state.failIn = 0;
  if (w().shape.pressure) adoptWritten(w());
  const killed = w().oracle.actors.some(({ process }) => process.killed);
  const unreadable = w().unreadable || someUnreadable(w());
  if (k.stat.failures > failures || killed || unreadable) judgeFailed(w(), w().step as Step, got);
  else judge(w(), w().step as Step, got);
  // The flusher may have been faster than the end of the call.
  if (w().shape.pressure) adoptWritten(w());
  adoptReclaimed(w());
}

function look(): void {
  adoptReclaimed(w());
  complain(compareCounts(w(), false));
  complain(checkKernel(w().k));
  complain(checkRmap(w().k));
  complain(compare(w()));
}

function complain(wrong: string | null): void {
  if (wrong !== null) throw new Error(wrong);
}
