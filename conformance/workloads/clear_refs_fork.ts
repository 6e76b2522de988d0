import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  clearRefs,
  done,
  fill,
  fork,
  mprotect,
  openPipes,
  PP,
  PR,
  PW,
  register,
  result,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* clearRefsFork(): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* begin("clear_refs 4");
  result(yield* clearRefs(4));
  const p = yield* fork(child);
  yield* snap("parent", A, 2);
  yield* begin("write 1");
  done(yield* set(A + 1, 9));
  yield* snap("written", A, 2);
  yield* tell(PP);
  yield* childWait(p);
  yield* begin("write 0");
  done(yield* set(A, 9));
  yield* begin("mprotect RO 0");
  done(yield* mprotect(A, 1, PR));
  yield* begin("mprotect RW 0");
  done(yield* mprotect(A, 1, PW));
  yield* snap("end", A, 2);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* snap("child", A, 2);
  yield* set(A, 5);
  yield* snap("child", A, 2);
}
