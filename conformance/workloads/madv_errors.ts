import {
  A,
  anon,
  B,
  begin,
  C,
  done,
  drain,
  fill,
  MADV_COLD,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_REMOVE,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  madvise,
  mlock,
  mmap,
  PR,
  PROT_NONE,
  PROT_WRITE,
  PW,
  register,
  snap,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* madvErrors(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* mmap(B, 4, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* fill(B, 4, 1);
  yield* mmap(C, 2, PR, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* anon(windowAt(3), 2);
  yield* mlock(windowAt(3), 2);
  yield* mmap(windowAt(4), 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* mmap(windowAt(5), 2, PR, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* mmap(windowAt(6), 2, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* drain();
  yield* register("P", 0);
  yield* begin("FREE shared");
  done(yield* madvise(B, 4, MADV_FREE));
  yield* begin("REMOVE private");
  done(yield* madvise(A, 4, MADV_REMOVE));
  yield* begin("REMOVE shared read-only");
  done(yield* madvise(C, 2, MADV_REMOVE));
  yield* begin("DONTNEED locked");
  done(yield* madvise(windowAt(3), 2, MADV_DONTNEED));
  yield* begin("DONTNEED_LOCKED");
  done(yield* madvise(windowAt(3), 2, 24));
  yield* snap("locked", windowAt(3), 2);
  yield* begin("FREE locked");
  done(yield* madvise(windowAt(3), 2, MADV_FREE));
  yield* begin("COLD locked");
  done(yield* madvise(windowAt(3), 2, MADV_COLD));
  yield* begin("POPULATE_READ PROT_NONE");
  done(yield* madvise(windowAt(4), 2, MADV_POPULATE_READ));
  yield* begin("POPULATE_WRITE read-only");
  done(yield* madvise(windowAt(5), 2, MADV_POPULATE_WRITE));
  yield* begin("POPULATE_READ read-only");
  done(yield* madvise(windowAt(5), 2, MADV_POPULATE_READ));
  yield* snap("zero pages", windowAt(5), 2);
  yield* begin("POPULATE_READ write-only");
  done(yield* madvise(windowAt(6), 2, MADV_POPULATE_READ));
  yield* begin("POPULATE_WRITE write-only");
  done(yield* madvise(windowAt(6), 2, MADV_POPULATE_WRITE));
  yield* begin("POPULATE_WRITE over a hole");
  done(yield* madvise(A + 2, 4, MADV_POPULATE_WRITE));
  yield* begin("advice 7");
  done(yield* madvise(A, 1, 7));
  yield* begin("advice 7, nothing there");
  done(yield* madvise(A + 8, 1, 7));
  yield* begin("0 pages");
  done(yield* madvise(A, 0, MADV_DONTNEED));
  yield* begin("DONTNEED unmapped");
  done(yield* madvise(A + 8, 4, MADV_DONTNEED));
  yield* begin("WILLNEED anon");
  done(yield* madvise(A, 4, 3));
  yield* begin("DONTNEED PROT_NONE");
  done(yield* madvise(windowAt(4), 2, MADV_DONTNEED));
}
