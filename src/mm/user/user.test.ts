/** User space: processes, threads, pipes, time, and the files of the probe. */
import { expect, test } from "vitest";
import type { Task } from "../../machine/core.ts";
import { emit, observeEvents } from "../../machine/events.ts";
import { buildSequential } from "../../machine/sequential.ts";
import { createKernel } from "../kernel.ts";
import { createProcess, syscalls } from "../syscalls.ts";
import {
  A,
  anon,
  awaitByte,
  B,
  C,
  childWait,
  dmaRead,
  fork,
  get,
  getpid,
  getppid,
  interval,
  intervalRemove,
  kill,
  mkfile,
  openProbe,
  PC,
  PIN_WRITE,
  PP,
  path,
  pause,
  pin,
  pread,
  register,
  set,
  sleep,
  tell,
  thread,
  unpin,
  unregister,
} from "./api.ts";
import { startProcess } from "./process.ts";
import { createUserSpace, passTime, type UserSpace } from "./space.ts";

/** What `note` said, in order. */
function run(body: () => Task): string[] {
  const said: string[] = [];
  let space: UserSpace | null = null;
  const before = observeEvents((e) => {
    if (e.name === "said") said.push(`${e.fields["what"]} ${e.fields["n"]}`);
  });
  try {
    const m = buildSequential((machine) => {
      const k = createKernel(machine, {});
      space = createUserSpace(machine, k, syscalls);
      for (const f of [childSays, sleeper, victim, hang]) machine.keep(f);
      startProcess(onlyBody, { body }, createProcess(machine, k, "P"), 4);
    });
    if (m.initialFinding) throw m.initialFinding;
    do {
      for (let moved = true; moved; ) {
        moved = false;
        for (let t = 0; t < m.tasks.length; t++) {
          if (!m.enabled(t)) continue;
          m.step(t);
          moved = true;
        }
      }
    } while (passTime(space as unknown as UserSpace));
    const finding = m.judgeEnd();
    if (finding) throw finding;
  } finally {
    observeEvents(before);
  }
  return said;
}

function* onlyBody({ body }: { body: () => Task }): Task {
  yield* body();
}
function say(what: string, n: number): void {
  emit("said", { what, n });
}

function* familyLife(): Task {
  yield* anon(A, 1);
  yield* set(A, 1);
  const p = yield* fork(childSays);
  say("parent goes on", getpid());
  yield* set(A, 2);
  yield* tell(PP);
  yield* awaitByte(PC);
  say("parent reads", yield* get(A));
  say("status", yield* childWait(p));
}
function* childSays(): Task {
  say("child begins, its parent is", getppid());
  yield* awaitByte(PP);
  say("child reads", yield* get(A));
  yield* set(A, 3);
  yield* tell(PC);
}

test("a child begins when its parent waits, and both have their own copy", () => {
  expect(run(familyLife)).toEqual([
    "parent goes on 0",
    "child begins, its parent is 0",
    "child reads 1",
    "parent reads 2",
    "status 0",
  ]);
});

function* twoSleepers(): Task {
  const p = yield* fork(sleeper);
  yield* sleep(50);
  say("parent", 50);
  yield* sleep(100);
  say("parent", 150);
  yield* childWait(p);
}
function* sleeper(): Task {
  yield* sleep(60);
  say("child", 60);
  yield* sleep(60);
  say("child", 120);
}

test("time passes while all sleep, in order", () => {
  expect(run(twoSleepers)).toEqual(["parent 50", "child 60", "child 120", "parent 150"]);
});

function* killing(): Task {
  const p = yield* fork(victim);
  yield* awaitByte(PP);
  kill(p);
  say("status", yield* childWait(p));
}
function* victim(): Task {
  yield* thread(hang);
  yield* tell(PP);
  yield* pause();
}
function* hang(): Task {
  yield* sleep(1000);
  say("thread ends", 0);
}

test("a killed process is gone when its last thread is", () => {
  expect(run(killing)).toEqual(["thread ends 0", "status -9"]);
});

function* probing(): Task {
  yield* openProbe();
  yield* anon(A, 2);
  yield* set(A, 7);
  say("register", yield* register("P", 0));
  say("register again", yield* register("P", 0));
  const first = yield* pin(A, 1, PIN_WRITE);
  const second = yield* pin(A + 1, 1, PIN_WRITE);
  say("pins", first * 10 + second);
  say("device reads", yield* dmaRead(first, 0));
  say("beyond the pin", yield* dmaRead(first, 1));
  say("unmapped", yield* pin(B, 1, 0));
  say("unpin", yield* unpin(first, true));
  say("unpin again", yield* unpin(first, true));
  say("interval", yield* interval("I", A, 1, 0));
  say("remove", yield* intervalRemove(0));
  say("remove again", yield* intervalRemove(0));
  say("unregister", yield* unregister());
  say("unregister again", yield* unregister());
}

test("the probe: what it refuses, and that exit gives back a forgotten pin", () => {
  expect(run(probing)).toEqual([
    "register 0",
    "register again -16",
    "pins 1",
    "device reads 7",
    "beyond the pin 0",
    "unmapped -1",
    "unpin 0",
    "unpin again -22",
    "interval 0",
    "remove 0",
    "remove again -22",
    "unregister 0",
    "unregister again -22",
  ]);
});

function* files(): Task {
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* anon(C, 1);
  say("pread", yield* pread(f, C, 1));
  say("second byte pattern", (yield* get(C)) & 255);
  say("at a hole in the address space", yield* pread(f, B, 0));
}

test("files are read into memory of the process", () => {
  expect(run(files)).toEqual(["pread 4096", "second byte pattern 98", "at a hole in the address space -14"]);
});
