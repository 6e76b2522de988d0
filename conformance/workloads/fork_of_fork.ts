import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  done,
  fill,
  fork,
  openPipes,
  PC,
  PP,
  register,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* forkOfFork(): Task {
  yield* openPipes();
  yield* anon(A, 3);
  yield* fill(A, 3, 1);
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* snap("parent", A, 3);
  yield* begin("write 2");
  done(yield* set(A + 2, 9));
  yield* tell(PC);
  yield* childWait(p);
  yield* snap("all gone", A, 3);
  yield* begin("write 0..2");
  done(yield* fill(A, 3, 20));
  yield* snap("end", A, 3);
}

export function* child(): Task {
  const q = yield* fork(child2);
  yield* awaitByte(PC);
  yield* set(A + 1, 6);
  yield* snap("child", A, 3);
  yield* tell(PP);
  yield* childWait(q);
  yield* snap("child, alone", A, 3);
}

export function* child2(): Task {
  yield* awaitByte(PP);
  yield* set(A, 5);
  yield* snap("grandchild", A, 3);
}
