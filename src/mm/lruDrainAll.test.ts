/** lru_add_drain_all: with and without CPUs that must run a work item for it. */
import { expect, test } from "vitest";
import { type Cell, cell, readOnce, writeOnce } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { cpu } from "../machine/cpu.ts";
import { must } from "../machine/finding.ts";
import { explore } from "./explore.testkit.ts";
import type { Kernel } from "./kernel.ts";
import { createDrainWorks, lruAddDrainAll } from "./lruDrainAll.ts";
import { userWrite } from "./memory.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { hasFlag, PG_lru } from "./page.ts";
import { frameAt } from "./world/pages.ts";
import { A, smallKernel } from "./world/small.ts";

function* drains(k: Kernel, p: Process, done: Cell): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  must(!hasFlag(k, frameAt(k, p, A), PG_lru), "assertion", "the page is in a batch");
  yield* lruAddDrainAll(k);
  must(hasFlag(k, frameAt(k, p, A), PG_lru), "assertion", "the page is on its list");
  yield* writeOnce(done, 1);
}

/** Never lets anybody else have its CPU. */
function* spins(done: Cell): Task {
  while ((yield* readOnce(done)) === 0) {
    // spins
  }
}

const verdict = (cpus: number, spinner: boolean) =>
  explore((m) => {
    const k = smallKernel(m);
    const done = cell("done");
    const list = Array.from({ length: cpus }, (_, i) => cpu(`cpu${i}`));
    createDrainWorks(k, list);
    m.spawn("drains", drains, [k, createProcess(k), done]);
    if (spinner) m.spawn("spins", spins, [done], { cpu: list[0] });
  }).verdict;

test("batches are empty afterwards, whoever empties them", () => {
  expect([verdict(0, false), verdict(1, false), verdict(2, false)]).toEqual(["ok", "ok", "ok"]);
});

test("a CPU that somebody keeps for himself is waited for", () => {
  expect(verdict(1, true)).toBe("livelock");
});
