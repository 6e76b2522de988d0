import {
  A,
  anon,
  B,
  begin,
  C,
  done,
  drain,
  MADV_DONTNEED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  madvise,
  mlock,
  mremap,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* mremapLocked(): Task {
  yield* anon(A, 4);
  yield* mlock(A, 4);
  yield* drain();
  yield* register("P", 0);
  yield* begin("mremap A -> B, 4 -> 6");
  done(yield* mremap(A, 4, 6, MREMAP_MAYMOVE | MREMAP_FIXED, B));
  yield* snap("new", B, 6);
  yield* begin("mremap B 6 -> 2");
  done(yield* mremap(B, 6, 2, 0, 0));
  yield* begin("mremap DONTUNMAP B -> C");
  done(yield* mremap(B, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, C));
  yield* begin("DONTNEED old");
  done(yield* madvise(B, 2, MADV_DONTNEED));
  yield* begin("DONTNEED new");
  done(yield* madvise(C, 2, MADV_DONTNEED));
  yield* snap("old", B, 2);
  yield* snap("new", C, 2);
}
