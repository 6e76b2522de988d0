import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  dmaRead,
  done,
  fill,
  fork,
  get,
  mark,
  openPipes,
  PP,
  pin,
  register,
  set,
  snap,
  type Task,
  tell,
  unpin,
} from "mayfail/user";

/** A page that is shared with a child is pinned. */
export function* forkPin(flags: number): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const p = yield* fork(child);
  mark("> pin after fork", 0);
  const id = yield* pin(A, 1, flags);
  mark("< pin after fork", Math.min(id, 0));
  yield* snap("parent", A, 1);
  yield* begin("parent write page 0");
  done(yield* set(A, 9));
  yield* snap("parent", A, 1);
  mark("device reads page 0", yield* dmaRead(id, 0));
  yield* tell(PP);
  yield* childWait(p);
  yield* unpin(id, false);
}

export function* child(): Task {
  yield* awaitByte(PP);
  mark("child reads page 0", yield* get(A));
  yield* snap("child", A, 1);
}
