import {
  A,
  anon,
  B,
  begin,
  done,
  fill,
  MADV_DOFORK,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  madvise,
  mlock,
  mmap,
  mprotect,
  mremap,
  munlock,
  PR,
  PW,
  register,
  type Task,
} from "mayfail/user";

export default function* splitBlock(): Task {
  yield* anon(A, 1536);
  yield* fill(A + 510, 8, 1);
  yield* register("P", 0);
  yield* begin("mprotect RO 514..515");
  done(yield* mprotect(A + 514, 2, PR));
  yield* begin("mprotect RW 514..515");
  done(yield* mprotect(A + 514, 2, PW));
  yield* begin("DONTFORK 600");
  done(yield* madvise(A + 600, 1, MADV_DONTFORK));
  yield* begin("DOFORK 600");
  done(yield* madvise(A + 600, 1, MADV_DOFORK));
  yield* begin("mlock 700");
  done(yield* mlock(A + 700, 1));
  yield* begin("munlock 700");
  done(yield* munlock(A + 700, 1));
  yield* begin("mmap over 800");
  done(yield* mmap(A + 800, 1, PW, MAP_PRIVATE | MAP_ANONYMOUS, null, 0));
  yield* begin("mremap 900 -> B");
  done(yield* mremap(A + 900, 1, 1, MREMAP_MAYMOVE | MREMAP_FIXED, B));
  yield* begin("DONTNEED 400..1100");
  done(yield* madvise(A + 400, 700, MADV_DONTNEED));
}
