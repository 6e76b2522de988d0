import {
  A,
  awaitByte,
  begin,
  childWait,
  closeAndUnlink,
  done,
  fork,
  get,
  MAP_PRIVATE,
  mark,
  mkfile,
  mmap,
  openPipes,
  PP,
  PW,
  path,
  register,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* forkPrivateFile(): Task {
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* openPipes();
  yield* mmap(A, 2, PW, MAP_PRIVATE, f, 0);
  yield* set(A, 1);
  yield* get(A + 1);
  yield* register("P", 0);
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* snap("parent", A, 2);
  yield* begin("parent writes 0 and 1");
  yield* set(A, 7);
  done(yield* set(A + 1, 8));
  yield* snap("written", A, 2);
  yield* tell(PP);
  yield* childWait(p);
  yield* snap("end", A, 2);
  yield* closeAndUnlink(f);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* set(A + 1, 5);
  yield* snap("child", A, 2);
}
