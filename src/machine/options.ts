/** What a machine is told when it is built, and what it tells about its tasks. */
import type { Task } from "./core.ts";
import type { Cpu } from "./cpu.ts";
import type { Finding } from "./finding.ts";

export type TaskFunction<A extends unknown[]> = (...args: A) => Task<unknown>;

export interface SpawnOptions {
  /** Never ends by itself (kswapd, a device): waiting for ever is no deadlock of its own. */
  readonly daemon?: boolean;
  /** Name of the operation in which a daemon rests; any other wait of it that lasts for ever is a deadlock after all. */
  readonly rests?: string;
  /** It runs on this CPU only, and so do its children; without one it has a CPU of its own. */
  readonly cpu?: Cpu;
  /** How many tasks it may spawn; the machine is built again with more when that is not enough. */
  readonly children?: number;
}

export interface TaskInfo {
  readonly slot: number;
  readonly base: number;
  name: string;
  daemon: boolean;
  readonly rests: string | null;
  /** Slots reserved for its children, in order of spawning. */
  readonly children: number[];
  readonly parent: number;
}

/** Sizes that a search may have to enlarge; see `NeedsRebuild`. */
export interface MachineOptions {
  readonly stackWords: number;
  readonly heldWords: number;
  readonly extraChildren: number;
  /** Every operation is a step of its own, releases included: what partial-order reduction counts. */
  readonly fine: boolean;
  /** Names of locks whose releases are steps of their own in coarse runs too, because somebody uses trylock. */
  readonly visibleReleases: readonly string[];
  /** One task runs until it must wait: for simulation and for comparing with records, not for searches. */
  readonly sequential: boolean;
}

export const DEFAULT_OPTIONS: MachineOptions = {
  stackWords: 24,
  heldWords: 4,
  extraChildren: 0,
  fine: false,
  visibleReleases: [],
  sequential: false,
};

export interface Check {
  readonly name: string;
  readonly test: () => boolean | string | undefined;
  readonly verdict: Finding["verdict"];
}

/** Told about what a step carries on without being scheduled: partial-order reduction derives causality from it. */
export interface Ties {
  started(parent: number, child: number): void;
  /** `task` went on because what it waited for, at word `at` (the header of an ended task), is over. */
  joined(task: number, at: number): void;
}

/** State of a task as reports show it. */
export const LIVE = 1;
export const DONE = 2;
export const FAILED = 3;
