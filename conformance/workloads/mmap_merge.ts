import {
  A,
  anon,
  B,
  begin,
  C,
  done,
  fill,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  madvise,
  mmap,
  mprotect,
  PR,
  PW,
  register,
  set,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* mmapMerge(): Task {
  yield* anon(A, 2);
  yield* anon(A + 4, 2);
  yield* fill(A, 2, 1);
  yield* fill(A + 4, 2, 1);
  yield* register("P", 0);
  yield* begin("mmap into the hole");
  done(yield* mmap(A + 2, 2, PW, MAP_PRIVATE | MAP_ANONYMOUS, null, 0));
  yield* begin("DONTNEED 0..5");
  done(yield* madvise(A, 6, MADV_DONTNEED));
  yield* anon(B, 2);
  yield* anon(B + 2, 2);
  yield* mprotect(B + 2, 2, PR);
  yield* fill(B, 2, 1);
  yield* begin("mprotect RW (touched before, untouched after)");
  done(yield* mprotect(B + 2, 2, PW));
  yield* begin("DONTNEED 0..3");
  done(yield* madvise(B, 4, MADV_DONTNEED));
  yield* anon(C, 4);
  yield* mprotect(C, 2, PR);
  yield* fill(C + 2, 2, 1);
  yield* begin("mprotect RW (untouched before, touched after)");
  done(yield* mprotect(C, 2, PW));
  yield* begin("DONTNEED 0..3");
  done(yield* madvise(C, 4, MADV_DONTNEED));
  yield* anon(windowAt(3), 4);
  yield* mprotect(windowAt(3), 2, PR);
  yield* set(windowAt(3) + 2, 1);
  yield* begin("mprotect RO 2..3 (untouched before, touched after)");
  done(yield* mprotect(windowAt(3) + 2, 2, PR));
  yield* begin("DONTNEED 0..3");
  done(yield* madvise(windowAt(3), 4, MADV_DONTNEED));
  yield* anon(windowAt(4), 6);
  yield* mprotect(windowAt(4) + 2, 2, PR);
  yield* set(windowAt(4), 1);
  yield* set(windowAt(4) + 5, 1);
  yield* begin("mprotect RW 2..3 between two");
  done(yield* mprotect(windowAt(4) + 2, 2, PW));
  yield* begin("DONTNEED 0..5");
  done(yield* madvise(windowAt(4), 6, MADV_DONTNEED));
}
