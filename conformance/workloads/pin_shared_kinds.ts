import {
  A,
  begin,
  childWait,
  dmaRead,
  done,
  fork,
  get,
  MADV_DONTNEED,
  MADV_REMOVE,
  MAP_ANONYMOUS,
  MAP_SHARED,
  madvise,
  mark,
  mmap,
  PIN_LONGTERM,
  PIN_WRITE,
  PW,
  pin,
  register,
  set,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* pinSharedKinds(): Task {
  yield* mmap(A, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* set(A, 1);
  yield* register("P", 0);
  const a = yield* pin(A, 2, PIN_WRITE);
  const b = yield* pin(A, 1, PIN_WRITE | PIN_LONGTERM);
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* childWait(p);
  mark("device reads", yield* dmaRead(a, 0));
  yield* snap("parent", A, 2);
  yield* begin("DONTNEED");
  done(yield* madvise(A, 2, MADV_DONTNEED));
  yield* snap("dropped", A, 2);
  mark("reads again", yield* get(A));
  yield* begin("REMOVE");
  done(yield* madvise(A, 2, MADV_REMOVE));
  mark("device still reads", yield* dmaRead(a, 0));
  mark("cpu reads", yield* get(A));
  yield* snap("removed", A, 2);
  yield* unpin(a, true);
  yield* unpin(b, false);
}

export function* child(): Task {
  yield* set(A, 77);
  yield* snap("child", A, 2);
}
