/** Huge pages of a file behind page tables that processes share. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { explore } from "../machine/explore.testkit.ts";
import { must } from "../machine/finding.ts";
import { join, spawn } from "../machine/wait.ts";
import { sysExit } from "./exit.ts";
import { createHugetlb, type Hugetlb, hugeContent, hugeWrite, migrateHugePage } from "./hugetlb.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { smallKernel } from "./world/small.ts";

const say = (what: boolean, why: string): void => must(what, "assertion", why);
type Act = (k: Kernel, h: Hugetlb, p: Process, q: Process) => Task;

function run(act: Act) {
  return explore((m) => {
    const k = smallKernel(m);
    const p = createProcess(k);
    const q = createProcess(k);
    const h = createHugetlb([p.mm as Mm, q.mm as Mm], true);
    for (const each of [act, h]) m.keep(each);
    m.spawn("main", act, [k, h, p, q], { children: 2 });
  }).findings;
}

function* shares(k: Kernel, h: Hugetlb, p: Process, q: Process): Task {
  yield* hugeWrite(k, h, 0, 0, 1);
  yield* hugeWrite(k, h, 1, 0, 2);
  say(h.puds.table[0] === h.puds.table[1] && h.tables[0].users === 2, "the table is not shared");
  say(h.pages.mapcount[0] === 1 && hugeContent(h, 0) === 2, "the page is mapped twice, or not the same");
  say(yield* migrateHugePage(k, h, 0), "the page was not moved");
  say(h.puds.table[0] === 0 && h.tables[0].users === 1, "the table is still shared");
  say(h.cache.page[0] !== 1 && h.pages.used[0] === 0 && hugeContent(h, 0) === 2, "the page is where it was");
  yield* hugeWrite(k, h, 0, 0, 3);
  say(h.puds.table[0] === h.puds.table[1] && hugeContent(h, 0) === 3, "the table is not shared again");
  yield* sysExit(k, p);
  yield* sysExit(k, q);
}

function* faultsMeanwhile(k: Kernel, h: Hugetlb, p: Process, q: Process): Task {
  yield* hugeWrite(k, h, 0, 0, 1);
  const a = spawn(migrateHugePage, k, h, 0);
  const b = spawn(hugeWrite, k, h, 1, 0, 2);
  yield* join(a);
  yield* join(b);
  say(hugeContent(h, 0) === 2, "the write is lost");
  say(h.pages.mapcount.reduce((sum, n) => sum + n, 0) === 1, "mappings are counted twice");
  yield* sysExit(k, p);
  yield* sysExit(k, q);
}

test("the second process finds the table of the first; migration takes it out, and it finds it again", () => {
  expect(run(shares)).toEqual([]);
});

test("a fault while the page is moved waits for it", () => {
  expect(run(faultsMeanwhile)).toEqual([]);
});
