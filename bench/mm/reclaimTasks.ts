/** What the process of the reclaim benchmark does: phase after phase of writes to its pages, as the host asks for. */
import { type Cell, readOnce } from "../../src/machine/cell.ts";
import type { Task } from "../../src/machine/core.ts";
import { until } from "../../src/machine/wait.ts";
import { becomeProcess } from "../../src/mm/current.ts";
import type { Kernel } from "../../src/mm/kernel.ts";
import { joinMemcg, memoryReclaim } from "../../src/mm/memcontrol.ts";
import type { Process } from "../../src/mm/mmTypes.ts";
import { syscalls } from "../../src/mm/syscalls.ts";

const PROT_RW = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;

/** Cells that the host writes between phases. */
export interface Work {
  /** How many phases may have begun. */
  readonly phase: Cell;
  /**
   * Writes of this phase; 0 = memory.reclaim. The page of the first one, or how many pages to reclaim. Where random numbers begin;
   * 0 = page after page.
   */
  readonly count: Cell;
  readonly from: Cell;
  readonly seed: Cell;
}

/** 30 random bits: what comes after `x`. The same numbers as those of plainReclaim.mjs. */
export const nextRandom = (x: number): number => (Math.imul(x, 1103515245) + 12345) & 0x3fffffff;
/** A number below `n` from the better bits of `x`. */
export const below = (x: number, n: number): number => Math.floor(((x >>> 8) * n) / 0x400000);

export function* reclaimLoad(k: Kernel, p: Process, work: Work, at: number, pages: number, memcg: number): Task {
  becomeProcess(p);
  if (memcg > 0) joinMemcg(p, memcg);
  yield* syscalls.mmap(k, p, at, pages, PROT_RW, MAP_PRIVATE_ANONYMOUS, null, 0);
  for (let phase = 1; ; phase++) {
    yield* until(() => work.phase.value >= phase);
    const count = yield* readOnce(work.count);
    const from = yield* readOnce(work.from);
    const seed = yield* readOnce(work.seed);
    if (count === 0) yield* memoryReclaim(k, memcg, from);
    else if (seed === 0) yield* sweep(k, p, at, pages, from, count);
    else yield* scatter(k, p, at, pages, seed, count);
  }
}

function* sweep(k: Kernel, p: Process, at: number, pages: number, from: number, count: number): Task {
  for (let i = 0, page = from; i < count; i++) {
    yield* syscalls.userWrite(k, p, at + page, i);
    page = page + 1 === pages ? 0 : page + 1;
  }
}

function* scatter(k: Kernel, p: Process, at: number, pages: number, seed: number, count: number): Task {
  for (let i = 0, x = seed; i < count; i++) {
    x = nextRandom(x);
    yield* syscalls.userWrite(k, p, at + below(x, pages), i);
  }
}
