import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  dmaRead,
  dmaWrite,
  done,
  fill,
  fork,
  get,
  mark,
  openPipes,
  openProbe,
  PP,
  pin,
  register,
  set,
  snap,
  type Task,
  tell,
  unpin,
} from "mayfail/user";

/** A page is pinned, then shared with a child by fork; then the parent and the device write. */
export function* pinFork(flags: number): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const id = yield* pin(A, 1, flags);
  yield* snap("pinned", A, 2);
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* snap("parent after fork", A, 2);
  yield* begin("parent write pages 0,1");
  yield* set(A, 9);
  done(yield* set(A + 1, 9));
  yield* snap("parent after write", A, 2);
  mark("device reads page 0", yield* dmaRead(id, 0));
  yield* dmaWrite(id, 0, 42);
  mark("parent reads page 0 after dma 42", yield* get(A));
  yield* tell(PP);
  yield* childWait(p);
  yield* unpin(id, true);
  yield* snap("end", A, 2);
}

export function* child(): Task {
  yield* openProbe();
  yield* snap("child after fork", A, 2);
  yield* awaitByte(PP);
  mark("child reads page 0", yield* get(A));
  yield* snap("child end", A, 2);
}
