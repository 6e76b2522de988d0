/** hmm_range_fault: what it faults in, what it refuses, and that a snapshot faults nothing. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import {
  A,
  anon,
  B,
  HMM_FOR_WRITE,
  HMM_NO_FAULT,
  HMM_READ,
  hmm,
  interval,
  mincore,
  mprotect,
  munmap,
  PR,
  PROT_NONE,
  set,
} from "./user/api.ts";
import { runProcess, say } from "./user/run.testkit.ts";

const said = (program: () => Task): string[] =>
  runProcess(program)
    .filter((each) => !/^(interval|release)/.test(each.line))
    .map((each) => each.line);

function* asks(): Task {
  yield* anon(A, 4);
  yield* interval("I", A, 4, 0);
  yield* set(A, 1);
  say("snapshot", yield* hmm(0, A, 4, HMM_NO_FAULT));
  say("in memory", yield* mincore(A, 4));
  say("for reading", yield* hmm(0, A, 2, HMM_READ));
  say("in memory", yield* mincore(A, 4));
  say("for writing", yield* hmm(0, A, 4, HMM_FOR_WRITE));
  say("in memory", yield* mincore(A, 4));
}

test("a snapshot faults nothing; else what is missing comes in", () => {
  expect(said(asks)).toEqual([
    "snapshot 0",
    "in memory 1",
    "for reading 0",
    "in memory 3",
    "for writing 0",
    "in memory 15",
  ]);
});

function* refused(): Task {
  yield* anon(A, 6);
  yield* interval("I", A, 6, 0);
  yield* mprotect(A + 1, 1, PR);
  yield* mprotect(A + 2, 1, PROT_NONE);
  yield* munmap(A + 4, 1);
  say("to write what is read-only", yield* hmm(0, A + 1, 1, HMM_FOR_WRITE));
  say("to read what has no rights", yield* hmm(0, A + 2, 1, HMM_READ));
  say("across a hole", yield* hmm(0, A + 3, 3, HMM_READ));
  say("a snapshot across it", yield* hmm(0, A + 3, 3, HMM_NO_FAULT));
  say("where nothing is", yield* hmm(0, B, 1, HMM_READ));
}

test("EPERM for a write that the VMA forbids, EFAULT where nothing can be had; a snapshot goes on", () => {
  expect(said(refused)).toEqual([
    "to write what is read-only -1",
    "to read what has no rights -14",
    "across a hole -14",
    "a snapshot across it 0",
    "where nothing is -14",
  ]);
});
