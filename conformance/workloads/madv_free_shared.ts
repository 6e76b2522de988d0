import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  done,
  drain,
  fill,
  fork,
  MADV_FREE,
  madvise,
  openPipes,
  PP,
  register,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* madvFreeShared(): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* drain();
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* begin("FREE 0..1");
  done(yield* madvise(A, 2, MADV_FREE));
  yield* drain();
  yield* snap("freed", A, 2);
  yield* begin("write 0");
  done(yield* set(A, 3));
  yield* snap("written", A, 2);
  yield* tell(PP);
  yield* childWait(p);
  yield* snap("end", A, 2);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* snap("child", A, 2);
}
