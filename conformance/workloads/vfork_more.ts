import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  done,
  fill,
  fork,
  MADV_DONTFORK,
  madvise,
  mark,
  munmap,
  openPipes,
  PP,
  register,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* vforkMore(): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  mark("> fork", 0);
  const p = yield* fork(child);
  yield* begin("DONTFORK after fork");
  done(yield* madvise(A, 2, MADV_DONTFORK));
  yield* tell(PP);
  yield* childWait(p);
  const q = yield* fork(child2);
  yield* childWait(q);
  yield* begin("parent writes");
  done(yield* fill(A, 2, 5));
  yield* snap("end", A, 2);
}

export function* child(): Task {
  yield* munmap(A + 1, 1);
  yield* awaitByte(PP);
  yield* set(A, 7);
  yield* snap("child", A, 2);
}

export function* child2(): Task {
  yield* snap("child without it", A, 2);
}
