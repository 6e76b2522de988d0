/** Stores and loads of user code happen before or after what other tasks do, also where no fault is needed. */
import { expect, test } from "vitest";
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { checkProgram } from "../../search/check.ts";
import { setupProgram } from "../../search/program.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

function* main(k: Kernel, p: Process, unwanted: number): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  const a = spawn(writer, k, p);
  const b = spawn(reader, k, p, unwanted);
  yield* join(a);
  yield* join(b);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* writer(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* userWrite(k, p, A, 2);
}

function* reader(k: Kernel, p: Process, unwanted: number): Task {
  yield* choose(1);
  const seen = yield* userRead(k, p, A);
  must(seen !== unwanted, "assertion", `the reader sees ${seen}`);
}

test.each([
  [1, "assertion"],
  [2, "assertion"],
  [3, "ok"],
])("a reader that must not see %i: %s", (unwanted, verdict) =>
  checkProgram(
    setupProgram((m) => {
      const k = smallKernel(m);
      m.spawn("main", main, [k, createProcess(k), unwanted], { children: 2 });
    }),
  ).then((r) => expect([r.verdict, r.complete]).toEqual([verdict, true])),
);
