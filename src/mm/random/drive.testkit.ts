/** The only task of a run: makes the files, waits, does the calls, and ends everything. */
import { type Cell, writeOnce } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { until } from "../../machine/wait.ts";
import { checkRmap } from "../checkReferences.ts";
import { checkKernel, checkNothingLeft } from "../checks.ts";
import { sysExit } from "../exit.ts";
import { type File, type Inode, O_CREAT } from "../fs.ts";
import { closeFile, openFile, unlinkFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import type { Mm, Process } from "../mmTypes.ts";
import { lruAddDrain } from "../swap.ts";
import { truncateSetsize } from "../truncate.ts";
import { taskSize } from "../unmappedArea.ts";
import { vmaLookup } from "../vma.ts";
import { adoptReclaimed, adoptWritten } from "./adopt.testkit.ts";
import { compare } from "./compare.testkit.ts";
import { compareCounts } from "./counts.testkit.ts";
import { judge } from "./judge.testkit.ts";
import { judgeFailed } from "./judgeFailed.testkit.ts";
import type { Oracle } from "./oracle.testkit.ts";
import { perform, unpins } from "./perform.testkit.ts";
import { complete, decode, describe, type Raw, type Step } from "./step.testkit.ts";
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
    end(got, looks);
  }
  for (let slot = 0; slot < PIN_SLOTS; slot++) if (w().pinCount[slot] > 0) yield* unpins(slot, true);
  while (w().oracle.actors.length > 0) yield* sysExit(k, takeLast());
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
  const { pressure } = w().shape;
  const cast = { processes, mapped, files, pins, heap: startBrk, base: 1 << k.windowShift, top: taskSize(k), pressure };
  const step: Step =
    i < run.raws.length ? decode(run.raws[i], cast) : complete(decode(NOTHING, cast), run.steps[i], cast);
  const area = vmaLookup(step.process.mm as Mm, step.at);
  Object.assign(w(), { step, child: null, pinnedSlot: -1, areaStart: area?.start ?? -1, areaEnd: area?.end ?? -1 });
  w().log.push(describe(step) + (w().shortage > 0 ? `, allocation ${w().shortage} fails` : ""));
  w().failures = k.stat.failures;
  k.state.failIn = w().shortage;
  w().shortage = 0;
}

function end(got: number, looks: boolean): void {
  w().log[w().log.length - 1] += ` -> ${got}`;
  w().results.push(got);
  const { k, failures } = w();
  k.state.failIn = 0;
  if (w().shape.pressure) adoptWritten(w());
  if (k.stat.failures > failures) judgeFailed(w(), w().step as Step, got);
  else judge(w(), w().step as Step, got);
  adoptReclaimed(w());
  if (!looks) return;
  complain(compareCounts(w(), false));
  complain(checkKernel(w().k));
  complain(checkRmap(w().k));
  complain(compare(w()));
}

function complain(wrong: string | null): void {
  if (wrong !== null) throw new Error(wrong);
}
