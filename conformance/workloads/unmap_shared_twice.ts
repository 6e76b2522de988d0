import {
  A,
  begin,
  childWait,
  done,
  drain,
  fill,
  fork,
  get,
  MADV_COLD,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_SHARED,
  madvise,
  mark,
  mmap,
  mprotect,
  munmap,
  PR,
  PROT_NONE,
  PW,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* unmapSharedTwice(): Task {
  yield* mmap(A, 4, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* fill(A, 4, 1);
  yield* register("P", 0);
  yield* begin("munmap 1..2");
  done(yield* munmap(A + 1, 2));
  yield* begin("DONTNEED 0");
  done(yield* madvise(A, 1, MADV_DONTNEED));
  yield* begin("COLD 3");
  done(yield* madvise(A + 3, 1, MADV_COLD));
  yield* drain();
  yield* snap("A", A, 4);
  mark("reads 0", yield* get(A));
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* childWait(p);
  yield* begin("mprotect RO");
  done(yield* mprotect(A, 1, PR));
  yield* begin("mprotect 3 NONE");
  done(yield* mprotect(A + 3, 1, PROT_NONE));
  yield* snap("A", A, 4);
}

export function* child(): Task {
  yield* snap("child", A, 4);
  mark("child reads", yield* get(A));
}
