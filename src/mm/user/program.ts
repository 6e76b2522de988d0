/**
 * What a program keeps in memory besides the windows of a workload: stack, data, thread-local errno. Nobody looks at these
 * pages, but they take their places in the LRU batch of the CPU, and after a fork parent and child copy them when they go on.
 */
import type { Task } from "../../machine/core.ts";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_READ, PROT_WRITE } from "../mmTypes.ts";
import type { Vpn } from "../page.ts";
import { drain } from "./calls.ts";
import { self, userSpace } from "./space.ts";

/** Numbers of pages. */
export interface Program {
  /** Those that the parent writes when fork returns, and the child when it begins. */
  readonly parent: number;
  readonly child: number;
  /** Those that are still in the LRU batch when the program begins. */
  readonly fresh: number;
}

export const NO_PROGRAM: Program = { parent: 0, child: 0, fresh: 0 };

const FIRST: Vpn = 1 << 12;

/** The page of errno, and those that are written after a fork. */
const oldPages = ({ parent, child }: Program): number => 1 + Math.max(parent, child);

/** execve has loaded it, and it has run for a while. */
export function* loadProgram(): Task {
  const { k, calls, program } = userSpace();
  if (program.fresh === 0) return;
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  const n = oldPages(program);
  yield* calls.mmap(k, self(), FIRST, n + program.fresh, PROT_READ | PROT_WRITE, flags, null, 0);
  yield* touchPages(0, n);
  yield* drain();
  yield* touchPages(n, n + program.fresh);
}

export function* returnFromFork(isParent: boolean): Task {
  const { program } = userSpace();
  yield* touchPages(1, 1 + (isParent ? program.parent : program.child));
}

/** errno = 0. */
export function* clearErrno(): Task {
  yield* touchPages(0, 1);
}

function* touchPages(from: number, to: number): Task {
  const { k, calls, program } = userSpace();
  if (program.fresh === 0) return;
  for (let i = from; i < to; i++) yield* calls.userWrite(k, self(), FIRST + i, 1);
}
