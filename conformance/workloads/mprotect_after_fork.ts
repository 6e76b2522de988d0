import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  done,
  fill,
  fork,
  mprotect,
  openPipes,
  PP,
  PR,
  PROT_NONE,
  PW,
  register,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* mprotectAfterFork(): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* begin("mprotect RO");
  done(yield* mprotect(A, 2, PR));
  yield* begin("mprotect RW");
  done(yield* mprotect(A, 2, PW));
  yield* snap("rw", A, 2);
  yield* begin("write 0");
  done(yield* set(A, 9));
  yield* snap("written", A, 2);
  yield* begin("mprotect NONE");
  done(yield* mprotect(A, 2, PROT_NONE));
  yield* begin("mprotect RW");
  done(yield* mprotect(A, 2, PW));
  yield* snap("again", A, 2);
  yield* tell(PP);
  yield* childWait(p);
  yield* begin("write 1");
  done(yield* set(A + 1, 9));
  yield* snap("end", A, 2);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* snap("child", A, 2);
}
