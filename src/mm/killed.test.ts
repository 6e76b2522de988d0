/** Tasks that are killed while they wait for mmap_lock, pin, or fault: they give up, and leave nothing behind. */
import { expect, test } from "vitest";
import { type Cell, cell, readOnce, writeOnce } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { EINTR } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import { sendSigkill } from "../machine/killable.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import { choose, join, spawn, until } from "../machine/wait.ts";
import { sysExit } from "./exit.ts";
import { explore } from "./explore.testkit.ts";
import { FOLL_PIN, FOLL_WRITE, getUserPagesFast, unpinUserPages } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { sysMmap, sysMunmap } from "./mmap.ts";
import { MAP_ANONYMOUS, type Mm, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { createNotifier, type MmuNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "./mmuNotifier.ts";
import { lruAddDrain } from "./swap.ts";
import { A, smallKernel } from "./world/small.ts";

/** What the victim's call returned: -errno + 100, or more. */
interface Seen {
  readonly result: Cell;
  readonly holds: Cell;
}
type Act = (k: Kernel, p: Process, seen: Seen) => Task;

function* main(k: Kernel, p: Process, seen: Seen, act: Act, other: Act, expected: number): Task {
  yield* sysMmap(k, p, A, 2, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, null, 0);
  const victim = spawn(act, k, p, seen);
  const holder = spawn(other, k, p, seen);
  yield* sendSigkill(victim.slot);
  yield* join(victim);
  yield* writeOnce(seen.holds, 2);
  yield* join(holder);
  const result = (yield* readOnce(seen.result)) - 100;
  must(
    expected === ANY ? result === 0 || result === -EINTR : result === expected,
    "assertion",
    `the result is ${result}`,
  );
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}
const ANY = -1000;

function* holdsLock(_k: Kernel, p: Process, seen: Seen): Task {
  const mm = p.mm as Mm;
  yield* downWrite(mm.mmapLock);
  yield* writeOnce(seen.holds, 1);
  // It lets go only when the victim has given up.
  yield* until(() => seen.holds.value === 2);
  yield* upWrite(mm.mmapLock);
}
function* nobody(): Task {
  yield* choose(1);
}
function* unmaps(k: Kernel, p: Process, seen: Seen): Task {
  yield* until(() => seen.holds.value === 1);
  yield* writeOnce(seen.result, 100 + (yield* sysMunmap(k, p, A, 1)));
}
function* unmapsAnyTime(k: Kernel, p: Process, seen: Seen): Task {
  yield* writeOnce(seen.result, 100 + (yield* sysMunmap(k, p, A, 1)));
}

function check(act: Act, other: Act, expected: number): string[] {
  const r = explore((m) => {
    const k = smallKernel(m);
    const seen = m.keep({ result: cell("result"), holds: cell("holds") });
    m.keep(act);
    m.keep(other);
    m.spawn("main", main, [k, createProcess(k), seen, act, other, expected], { children: 2 });
  });
  return [r.verdict, r.message];
}

test("who is killed does not wait for mmap_lock", () => {
  // Without the killable lock this is a deadlock: the holder waits for the victim.
  expect(check(unmaps, holdsLock, -EINTR)).toEqual(["ok", ""]);
});

test("a free mmap_lock is taken whether killed or not", () => {
  expect(check(unmapsAnyTime, nobody, 0)).toEqual(["ok", ""]);
});

function* pins(k: Kernel, p: Process, seen: Seen): Task {
  const got = yield* getUserPagesFast(k, p.mm as Mm, A, 1, FOLL_PIN | FOLL_WRITE, k.scratch);
  if (got > 0) yield* unpinUserPages(k, k.scratch, got, FOLL_PIN, false);
  yield* writeOnce(seen.result, 100 + Math.min(got, 0));
}

test("GUP stops with -EINTR, at whatever moment the kill comes, or has the page already", () => {
  expect(check(pins, nobody, ANY)).toEqual(["ok", ""]);
  expect(check(pins, nobody, 0)[0]).toBe("assertion");
  expect(check(pins, nobody, -EINTR)[0]).toBe("assertion");
});

function* registers(k: Kernel, p: Process, sub: MmuNotifier): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, null, 0);
  const victim = spawn(registersOnce, k, p, sub);
  yield* sendSigkill(victim.slot);
  yield* join(victim);
  yield* sysExit(k, p);
}
function* registersOnce(k: Kernel, p: Process, sub: MmuNotifier): Task {
  const error = yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  must(error === 0 || error === -EINTR, "assertion", `register: ${error}`);
  if (error === 0) yield* mmuNotifierUnregister(k, sub);
}

test("a registration that is killed half-way has dropped all locks", () => {
  const r = explore((m) => {
    const k = smallKernel(m);
    m.spawn("main", registers, [k, createProcess(k), createNotifier(m, "sub", {}, m.keep({}))], { children: 1 });
  });
  expect([r.verdict, r.message]).toEqual(["ok", ""]);
});
