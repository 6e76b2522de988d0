import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  done,
  fill,
  fork,
  MADV_DONTNEED,
  madvise,
  munmap,
  openPipes,
  PC,
  PP,
  register,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* forkDontneed(): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* begin("parent DONTNEED 0");
  done(yield* madvise(A, 1, MADV_DONTNEED));
  yield* snap("parent", A, 2);
  yield* tell(PP);
  yield* awaitByte(PC);
  yield* begin("parent munmap");
  done(yield* munmap(A, 2));
  yield* tell(PP);
  yield* childWait(p);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* set(A, 3);
  yield* snap("child", A, 2);
  yield* tell(PC);
  yield* awaitByte(PP);
  yield* snap("child", A, 2);
}
