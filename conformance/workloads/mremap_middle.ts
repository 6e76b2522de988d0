import {
  A,
  anon,
  B,
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

export default function* mremapMiddle(): Task {
  yield* anon(A, 8);
  yield* fill(A, 8, 1);
  yield* register("P", 0);
  yield* begin("mremap 2..3 -> B");
  done(yield* mremap(A + 2, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, B));
  yield* snap("old", A, 8);
  yield* begin("mremap B -> A 2 (back)");
  done(yield* mremap(B, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, A + 2));
  yield* snap("back", A, 8);
  yield* begin("DONTNEED 0..7");
  done(yield* madvise(A, 8, MADV_DONTNEED));
}
