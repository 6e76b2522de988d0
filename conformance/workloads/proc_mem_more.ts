import {
  A,
  anon,
  B,
  begin,
  C,
  closeAndUnlink,
  done,
  get,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  mark,
  mkfile,
  mmap,
  mprotect,
  PR,
  PROT_NONE,
  PW,
  path,
  procMemWrite,
  register,
  result,
  set,
  snap,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* procMemMore(): Task {
  yield* mmap(A, 2, PR, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* mmap(B, 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* anon(C, 2);
  yield* set(C, 1);
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* mmap(windowAt(3), 2, PR, MAP_PRIVATE, f, 0);
  yield* get(windowAt(3));
  yield* register("P", 0);
  yield* begin("write /proc/self/mem shared read-only");
  result(yield* procMemWrite(A, 77));
  yield* begin("write /proc/self/mem PROT_NONE");
  result(yield* procMemWrite(B, 77));
  yield* snap("B", B, 2);
  yield* begin("write /proc/self/mem unmapped");
  result(yield* procMemWrite(windowAt(4), 77));
  yield* begin("write /proc/self/mem writable");
  result(yield* procMemWrite(C, 77));
  yield* snap("C", C, 2);
  yield* begin("write /proc/self/mem private file");
  result(yield* procMemWrite(windowAt(3), 77));
  yield* snap("D", windowAt(3), 2);
  yield* begin("mprotect B RW");
  done(yield* mprotect(B, 2, PW));
  mark("reads B", yield* get(B));
  yield* snap("B", B, 2);
  yield* closeAndUnlink(f);
}
