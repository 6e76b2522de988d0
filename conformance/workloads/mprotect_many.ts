import {
  A,
  anon,
  begin,
  done,
  fill,
  get,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  madvise,
  mmap,
  mprotect,
  PR,
  PROT_NONE,
  PW,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* mprotectMany(): Task {
  yield* anon(A, 2);
  yield* mmap(A + 2, 2, PR, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* mmap(A + 4, 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* anon(A + 8, 2);
  yield* fill(A, 2, 1);
  yield* get(A + 2);
  yield* fill(A + 8, 2, 5);
  yield* register("P", 0);
  yield* begin("mprotect RO 0..5");
  done(yield* mprotect(A, 6, PR));
  yield* snap("ro", A, 6);
  yield* begin("mprotect RW 0..9 (hole)");
  done(yield* mprotect(A, 10, PW));
  yield* snap("rw", A, 10);
  yield* begin("mprotect 0 pages");
  done(yield* mprotect(A, 0, PR));
  yield* begin("mprotect unmapped");
  done(yield* mprotect(A + 6, 1, PR));
  yield* begin("mprotect RW again");
  done(yield* mprotect(A, 6, PW));
  yield* begin("write 2 (was zero page)");
  done(yield* set(A + 2, 9));
  yield* begin("DONTNEED 0..5 (one area now?)");
  done(yield* madvise(A, 6, MADV_DONTNEED));
}
