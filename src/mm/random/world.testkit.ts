/** What a run consists of: the modelled kernel with its processes and pins, and the oracle beside it. */
import type { File } from "../fs.ts";
import type { Pages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import type { Process } from "../mmTypes.ts";
import type { Oracle, Space } from "./oracle.testkit.ts";
import type { Shape } from "./shapes.testkit.ts";
import type { Raw, Step } from "./step.testkit.ts";

export interface World {
  readonly k: Kernel;
  readonly shape: Shape;
  oracle: Oracle;
  /** Open files by number of the path. */
  readonly files: File[];
  readonly pinned: readonly Pages[];
  /** Pages of each pin; 0 = the slot is free. */
  readonly pinCount: number[];
  readonly pinFlags: number[];
  step: Step | null;
  child: Process | null;
  pinnedSlot: number;
  /** End of the area that the step's address is in, as /proc/PID/maps showed it before; -1 = none. */
  areaEnd: number;
  areaStart: number;
  readonly log: string[];
  readonly results: number[];
  /** Failures before the call (`k.stat.failures`). */
  failures: number;
  /** The so many-th allocation of the next call is to fail; 0 = none. */
  shortage: number;
  /** Who did the last call that was about memory, and where; the next ones are likely to be there too. */
  focus: { readonly actor: number; readonly at: number } | null;
  /** Reads from swap have failed, and folios that could not be read may still be in its cache. */
  unreadable: boolean;
  /** What the last sweep found, page by page. */
  readonly swept: number[];
  /** The driver waits until the other tasks have come to rest. */
  resting: boolean;
  mayUse(slot: number): boolean;
  mayWrite(slot: number): boolean;
}

/** The run that is going on; they run one after the other. */
export const world: { now: World | null } = { now: null };

export function isPinned(slot: number, n: number, flags: number): void {
  const w = world.now as World;
  w.pinCount[slot] = n;
  w.pinFlags[slot] = flags;
}

export const spaceOf = (w: World, actor: number): Space => w.oracle.actors[actor].space;

/** How many pages a pin has at most. */
export const PIN_PAGES = 3;
export const PIN_SLOTS = 3;
export const PATHS = ["/tmp/a", "/mnt/a", "/mnt/b"] as const;
/** How long the files are in the beginning. */
export const FILE_PAGES = 12;

/** What the task is to do: `steps`, or what `raws` mean then; `files` are those that it opened before the first sequence. */
export const run: { raws: readonly Raw[]; steps: readonly Partial<Step>[]; everyCall: boolean; files: File[] } = {
  raws: [],
  steps: [],
  everyCall: false,
  files: [],
};
