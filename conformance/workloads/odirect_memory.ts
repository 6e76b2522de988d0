import {
  A,
  anon,
  B,
  begin,
  C,
  close,
  closeAndUnlink,
  fsync,
  get,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  mkfile,
  mmap,
  O_DIRECT,
  open,
  PR,
  PW,
  path,
  pread,
  pwrite,
  register,
  result,
  snap,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* odirectMemory(): Task {
  const f = yield* mkfile(path("/mnt/f"), 4);
  const g = yield* open(path("/mnt/f"), O_DIRECT);
  yield* mmap(A, 2, PW, MAP_PRIVATE, f, 0);
  yield* get(A);
  yield* mmap(B, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* mmap(C, 2, PR, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* anon(windowAt(3), 1);
  yield* fsync(f);
  yield* register("P", 0);
  yield* begin("pread into private file memory");
  result(yield* pread(g, A, 2));
  yield* snap("A", A, 2);
  yield* begin("pread into shared memory");
  result(yield* pread(g, B, 0));
  yield* snap("B", B, 2);
  yield* begin("pread into read-only memory");
  result(yield* pread(g, C, 0));
  yield* begin("pwrite from read-only memory");
  result(yield* pwrite(g, C, 1));
  yield* snap("C", C, 2);
  yield* begin("pread into unmapped memory");
  result(yield* pread(g, windowAt(4), 0));
  yield* begin("pwrite from unmapped memory");
  result(yield* pwrite(g, windowAt(4), 0));
  yield* begin("pwrite from untouched memory");
  result(yield* pwrite(g, windowAt(3), 3));
  yield* snap("D", windowAt(3), 1);
  yield* begin("pread beyond the end");
  result(yield* pread(g, windowAt(3), 8));
  yield* close(g);
  yield* closeAndUnlink(f);
}
