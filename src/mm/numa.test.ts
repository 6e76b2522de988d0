/** NUMA hinting: which entries become inaccessible, and what a fault on one does. Every run of one task, and of two. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { explore } from "../machine/explore.testkit.ts";
import { must } from "../machine/finding.ts";
import { join, spawn } from "../machine/wait.ts";
import { createPages, FOLL_GET, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { userRead, userWrite } from "./memory.ts";
import { MPOL_MF_MOVE, sysMovePages } from "./mempolicy.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { taskNumaWork } from "./numa.ts";
import { pageToNid } from "./page.ts";
import { pteAt, ptePfn, pteProtnone, pteWrite } from "./pageTable.ts";
import { rules } from "./rules.ts";
import { leavePage, ownPage } from "./world/onePage.ts";
import { A, smallKernel } from "./world/small.ts";

type Changes = Parameters<typeof rules>[1];
type Act = (k: Kernel, p: Process, pages: Pages) => Task;

function run(act: Act, changes: Changes = {}): readonly string[] {
  return explore((m) => {
    const k = smallKernel(m, { rules: rules("linux-6.1", changes), nodes: 2, frames: 8 });
    m.keep(act);
    m.spawn("main", act, [k, createProcess(k), createPages("pages", 1)], { children: 2 });
  }).findings;
}

const entry = (k: Kernel, p: Process): number => pteAt(k, p.mm as Mm, A);
const nodeOf = (k: Kernel, p: Process): number => pageToNid(k, ptePfn(entry(k, p)));
const say = (what: boolean, why: string): void => must(what, "assertion", why);
const scan = (k: Kernel, p: Process): Task => taskNumaWork(k, p.mm as Mm, A, A + 1);

function* hinted(k: Kernel, p: Process, node: number): Task {
  yield* ownPage(k, p);
  yield* sysMovePages(k, p, A, 1, node, MPOL_MF_MOVE);
  yield* scan(k, p);
  say(pteProtnone(entry(k, p)), "the entry was left accessible");
}

function* staysAtHome(k: Kernel, p: Process): Task {
  yield* hinted(k, p, 0);
  say((yield* userRead(k, p, A)) === 1, "the content is gone");
  say(!pteProtnone(entry(k, p)) && pteWrite(entry(k, p)), "the entry is not what it was");
  yield* leavePage(k, p);
}

function* comesHome(k: Kernel, p: Process): Task {
  yield* hinted(k, p, 1);
  yield* userWrite(k, p, A, 5);
  say(nodeOf(k, p) === 0, "the page was not moved");
  say((yield* userRead(k, p, A)) === 5, "the content is gone");
  yield* leavePage(k, p);
}

function* pinsThrough(k: Kernel, p: Process, pages: Pages): Task {
  yield* hinted(k, p, 1);
  yield* getUserPagesFast(k, p.mm as Mm, A, 1, FOLL_GET | FOLL_WRITE, pages);
  say(nodeOf(k, p) === 0 && ptePfn(entry(k, p)) === pages.pfn[0], "another page was got");
  yield* scan(k, p);
  say(!pteProtnone(entry(k, p)), "a page in use was made inaccessible");
  yield* unpinUserPages(k, pages, 1, FOLL_GET, false);
  yield* leavePage(k, p);
}

function* faultsTwice(k: Kernel, p: Process): Task {
  yield* hinted(k, p, 1);
  const a = spawn(userRead, k, p, A);
  const b = spawn(userWrite, k, p, A, 5);
  yield* join(a);
  yield* join(b);
  say((yield* userRead(k, p, A)) === 5, "the content is gone");
  yield* leavePage(k, p);
}

test("a fault on the right node restores the entry, one on another node moves the page", () => {
  expect(run(staysAtHome)).toEqual([]);
  expect(run(comesHome)).toEqual([]);
  expect(run(comesHome, { numaMigration: "inPlace" })).toEqual([]);
});

test("references are served through the fault, and keep the page from the next scan; before v5.17 they did not", () => {
  expect(run(pinsThrough)).toEqual([]);
  expect(run(pinsThrough, { numaCounts: "mappings" })).toEqual(["assertion: a page in use was made inaccessible"]);
});

test("two threads that fault at the same time", () => {
  expect(run(faultsTwice)).toEqual([]);
  expect(run(faultsTwice, { numaMigration: "inPlace" })).toEqual([]);
});
