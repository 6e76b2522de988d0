import {
  A,
  anon,
  B,
  begin,
  C,
  closeAndUnlink,
  done,
  ftruncate,
  get,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  madvise,
  mincore,
  mkfile,
  mmap,
  PROT_NONE,
  PW,
  path,
  register,
  result,
  set,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* mincoreWorkload(): Task {
  const f = yield* mkfile(path("/mnt/f"), 4);
  yield* anon(A, 4);
  yield* set(A, 1);
  yield* get(A + 2);
  yield* mmap(B, 4, PW, MAP_PRIVATE, f, 0);
  yield* set(B, 1);
  yield* mmap(C, 4, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* set(C + 1, 1);
  yield* mmap(windowAt(3), 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* register("P", 0);
  yield* begin("anon");
  result(yield* mincore(A, 4));
  yield* begin("private file");
  result(yield* mincore(B, 4));
  yield* begin("shared");
  result(yield* mincore(C, 4));
  yield* begin("PROT_NONE");
  result(yield* mincore(windowAt(3), 2));
  yield* begin("hole");
  result(yield* mincore(A, 6));
  yield* begin("unmapped");
  result(yield* mincore(windowAt(4), 1));
  yield* begin("DONTNEED");
  done(yield* madvise(A, 4, MADV_DONTNEED));
  yield* begin("DONTNEED");
  done(yield* madvise(C, 4, MADV_DONTNEED));
  yield* begin("anon");
  result(yield* mincore(A, 4));
  yield* begin("shared");
  result(yield* mincore(C, 4));
  yield* begin("truncate");
  done(yield* ftruncate(f, 4096));
  yield* begin("private file");
  result(yield* mincore(B, 4));
  yield* closeAndUnlink(f);
}
