import {
  A,
  anon,
  B,
  begin,
  C,
  childWait,
  done,
  fork,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MCL_FUTURE,
  MCL_ONFAULT,
  mlockall,
  mmap,
  munlockall,
  PW,
  register,
  set,
  snap,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* mlockallFuture(): Task {
  yield* anon(A, 2);
  yield* register("P", 0);
  yield* begin("mlockall FUTURE");
  done(yield* mlockall(MCL_FUTURE));
  yield* begin("mmap B");
  done(yield* mmap(B, 2, PW, MAP_PRIVATE | MAP_ANONYMOUS, null, 0));
  yield* snap("A", A, 2);
  yield* snap("B", B, 2);
  yield* begin("mlockall FUTURE|ONFAULT");
  done(yield* mlockall(MCL_FUTURE | MCL_ONFAULT));
  yield* begin("mmap C");
  done(yield* mmap(C, 2, PW, MAP_PRIVATE | MAP_ANONYMOUS, null, 0));
  yield* snap("C", C, 2);
  yield* begin("write C");
  done(yield* set(C, 1));
  const p = yield* fork(child);
  yield* childWait(p);
  yield* begin("munlockall");
  done(yield* munlockall());
  yield* begin("mmap E");
  done(yield* mmap(windowAt(4), 2, PW, MAP_PRIVATE | MAP_ANONYMOUS, null, 0));
  yield* snap("E", windowAt(4), 2);
}

export function* child(): Task {
  yield* mmap(windowAt(3), 1, PW, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* snap("child", windowAt(3), 1);
}
