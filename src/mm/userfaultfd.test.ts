/** userfaultfd's write protection: who writes waits for the monitor; ranges that nobody has registered are refused. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { ENOENT } from "../machine/errno.ts";
import { explore } from "../machine/explore.testkit.ts";
import { must } from "../machine/finding.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { createPages, FOLL_GET, FOLL_WRITE, getUserPagesFast, type Pages } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { userRead, userWrite } from "./memory.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { PTE_UFFD_WP, pteAt, pteWrite } from "./pageTable.ts";
import { mwriteprotectRange, userfaultfdRegisterWp } from "./userfaultfd.ts";
import { leavePage, ownPage } from "./world/onePage.ts";
import { A, smallKernel } from "./world/small.ts";

const say = (what: boolean, why: string): void => must(what, "assertion", why);
const entry = (k: Kernel, p: Process): number => pteAt(k, p.mm as Mm, A);

function run(act: (k: Kernel, p: Process, pages: Pages) => Task) {
  return explore((m) => {
    const k = smallKernel(m, { tlb: true });
    m.keep(act);
    m.spawn("main", act, [k, createProcess(k), createPages("pages", 1)], { children: 2 });
  });
}

function* protects(k: Kernel, p: Process, pages: Pages): Task {
  yield* ownPage(k, p);
  say((yield* mwriteprotectRange(k, p, A, 1, true)) === -ENOENT, "a range without userfaultfd was protected");
  say((yield* userfaultfdRegisterWp(p, A + 2)) === -ENOENT, "a hole was registered");
  yield* userfaultfdRegisterWp(p, A);
  yield* mwriteprotectRange(k, p, A, 1, true);
  say((entry(k, p) & PTE_UFFD_WP) !== 0 && !pteWrite(entry(k, p)), "the entry is not protected");
  say((yield* userRead(k, p, A)) === 1, "it cannot be read");
  say((yield* getUserPagesFast(k, p.mm as Mm, A, 1, FOLL_GET | FOLL_WRITE, pages)) < 0, "it can be got for writing");
  yield* mwriteprotectRange(k, p, A, 1, false);
  say((entry(k, p) & PTE_UFFD_WP) === 0, "the entry is still protected");
  yield* userWrite(k, p, A, 2);
  say((yield* userRead(k, p, A)) === 2, "the write did not go through");
  yield* leavePage(k, p);
}

function* waits(k: Kernel, p: Process): Task {
  yield* ownPage(k, p);
  yield* userfaultfdRegisterWp(p, A);
  yield* mwriteprotectRange(k, p, A, 1, true);
  const a = spawn(userWrite, k, p, A, 2);
  const b = spawn(monitor, k, p);
  yield* join(a);
  yield* join(b);
  say((yield* userRead(k, p, A)) === 2, "the write did not go through");
  yield* leavePage(k, p);
}

function* monitor(k: Kernel, p: Process): Task {
  yield* choose(1);
  say((yield* userRead(k, p, A)) === 1, "the page was written while it was protected");
  yield* mwriteprotectRange(k, p, A, 1, false);
}

function* waitsForEver(k: Kernel, p: Process): Task {
  yield* ownPage(k, p);
  yield* userfaultfdRegisterWp(p, A);
  yield* mwriteprotectRange(k, p, A, 1, true);
  yield* userWrite(k, p, A, 2);
}

test("a protected page can be read, not written; unprotected, it can be written again", () => {
  expect(run(protects).findings).toEqual([]);
});

test("who writes to it sleeps until the monitor has unprotected it", () => {
  expect(run(waits).findings).toEqual([]);
  expect(run(waitsForEver).verdicts).toEqual(["deadlock"]);
});
