import {
  A,
  anon,
  B,
  begin,
  C,
  childWait,
  closeAndUnlink,
  done,
  drain,
  fill,
  fork,
  get,
  MADV_DONTFORK,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  madvise,
  mark,
  mkfile,
  mmap,
  mprotect,
  PR,
  PROT_NONE,
  PW,
  path,
  register,
  set,
  snap,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* forkMixed(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* mmap(B, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* fill(B, 2, 1);
  yield* mmap(C, 2, PR, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* get(C);
  yield* anon(windowAt(3), 2);
  yield* anon(windowAt(4), 2);
  yield* fill(windowAt(4), 2, 1);
  yield* mprotect(windowAt(4), 2, PROT_NONE);
  yield* anon(windowAt(5), 2);
  yield* fill(windowAt(5), 2, 1);
  yield* mprotect(windowAt(5), 2, PR);
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* mmap(windowAt(6), 2, PW, MAP_PRIVATE, f, 0);
  yield* get(windowAt(6));
  yield* anon(A + 8, 2);
  yield* fill(A + 8, 2, 1);
  yield* madvise(A + 8, 2, MADV_DONTFORK);
  yield* anon(A + 16, 2);
  yield* get(A + 16);
  yield* set(A + 17, 1);
  yield* drain();
  yield* register("P", 0);
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* snap("A", A, 2);
  yield* snap("B", B, 1);
  yield* snap("C", C, 1);
  yield* snap("E", windowAt(4), 1);
  yield* snap("F", windowAt(5), 1);
  yield* snap("G", windowAt(6), 1);
  yield* snap("zero", A + 16, 2);
  yield* childWait(p);
  yield* begin("write zero page");
  done(yield* set(A + 16, 1));
  yield* closeAndUnlink(f);
}

export function* child(): Task {
  yield* snap("child", A, 2);
  yield* snap("child", B, 2);
  yield* snap("child", C, 1);
  yield* snap("child", windowAt(4), 1);
  yield* snap("child", windowAt(5), 1);
  yield* snap("child", windowAt(6), 1);
  yield* snap("child", A + 16, 2);
}
