import {
  A,
  anon,
  begin,
  done,
  fill,
  MADV_DONTNEED,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  madvise,
  mremap,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* mremapSelf(): Task {
  yield* anon(A, 4);
  yield* register("P", 0);
  yield* begin("mremap 0..1 -> 4 (untouched)");
  done(yield* mremap(A, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, A + 4));
  yield* fill(A + 2, 4, 1);
  yield* snap("after", A, 6);
  yield* begin("mremap 4..5 -> 6");
  done(yield* mremap(A + 4, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, A + 6));
  yield* snap("after", A, 8);
  yield* begin("mremap 6..7 -> 4");
  done(yield* mremap(A + 6, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, A + 4));
  yield* begin("DONTNEED 0..7");
  done(yield* madvise(A, 8, MADV_DONTNEED));
}
