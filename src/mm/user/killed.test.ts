/** A process that is killed stops: what its code goes on to do has no effect. */
import { expect, test } from "vitest";
import { lineOf } from "../../conform/record.ts";
import { recordWorkload } from "../../conform/run.ts";
import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  done,
  fill,
  fork,
  kill,
  mark,
  munmap,
  openProbe,
  PC,
  PP,
  pause,
  register,
  sleep,
  snap,
  type Task,
  tell,
  thread,
} from "./api.ts";

function* killsChild(body: () => Task): Task {
  yield* anon(A, 2);
  const child = yield* fork(body);
  yield* awaitByte(PP);
  kill(child);
  mark("status", yield* childWait(child));
}
function* killsPausing(): Task {
  yield* killsChild(pauses);
}
function* killsHanging(): Task {
  yield* killsChild(hangs);
}

function* pauses(): Task {
  yield* openProbe();
  yield* fill(A, 2, 1);
  yield* register("V", 0);
  mark("before", 0);
  yield* tell(PP);
  yield* pause();
  mark("after", 0);
  yield* snap("after", A, 2);
  yield* begin("munmap");
  done(yield* munmap(A, 2));
  const grandchild = yield* fork(marks);
  yield* childWait(grandchild);
  yield* thread(marks);
  yield* tell(PC);
  yield* awaitByte(PP);
}
function* marks(): Task {
  mark("somebody lives on", 0);
}
function* hangs(): Task {
  yield* thread(sleeps);
  yield* tell(PP);
  yield* awaitByte(PC);
  mark("woken", 0);
}
function* sleeps(): Task {
  yield* sleep(100);
  mark("slept", 0);
}

const linesOf = (parent: () => Task): string[] => {
  const { events, failed } = recordWorkload({ default: parent });
  expect(failed).toBeNull();
  return events.map(lineOf);
};

test("no mark, no look, no call, no child, no thread; the files are closed by its end", () => {
  expect(linesOf(killsPausing)).toEqual([
    "register V flags=0",
    "mark before ret=0",
    "release V ALL",
    "mark status ret=-9",
  ]);
});

test("its threads stop too, and waiting for a byte ends", () => {
  expect(linesOf(killsHanging)).toEqual(["mark status ret=-9"]);
});
