/** Who drops the last user of an mm with mmput_async goes on at once; a work item tears the mm down, once. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { sysExit } from "./exit.ts";
import { explore } from "./explore.testkit.ts";
import type { Kernel } from "./kernel.ts";
import { type AsyncPuts, createAsyncPuts, mmputAsync } from "./mmputAsync.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { createProcess, mmget } from "./mmUsers.ts";
import { anonPages } from "./world/pages.ts";
import { A, smallKernel } from "./world/small.ts";

function* main(k: Kernel, p: Process, puts: AsyncPuts): Task {
  const mm = p.mm as Mm;
  yield* mmget(mm);
  const other = spawn(puts1, k, puts, mm);
  yield* sysExit(k, p);
  yield* join(other);
}

function* puts1(k: Kernel, puts: AsyncPuts, mm: Mm): Task {
  yield* choose(1); // anybody may begin
  yield* mmputAsync(k, puts, mm);
}

/** One user too many is given back. */
function* putsTwice(k: Kernel, p: Process, puts: AsyncPuts): Task {
  const mm = p.mm as Mm;
  yield* mmputAsync(k, puts, mm);
  yield* mmputAsync(k, puts, mm);
}

const runs = (body: typeof main) =>
  explore((m) => {
    const k = smallKernel(m);
    const p = createProcess(k);
    m.boot(anonPages, [k, p, A, 1]);
    m.spawn("main", body, [k, p, createAsyncPuts(m, k)], { children: 1 });
    m.atEnd("the address space is gone", () => k.mms[0].pgd === 0 || "it is still there");
  });

test("whoever is last, the address space goes once, with all its pages", () => {
  const r = runs(main);
  expect([r.verdict, r.message]).toEqual(["ok", ""]);
});

test("a user that nobody has cannot be put", () => {
  expect(runs(putsTwice).verdict).toBe("use-after-free");
});
