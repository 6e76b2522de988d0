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

export default function* mremapOnto(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* anon(B, 8);
  yield* fill(B, 8, 10);
  yield* register("P", 0);
  yield* begin("mremap A 0..3 -> B 2..5");
  done(yield* mremap(A, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, B + 2));
  yield* snap("old", A, 4);
  yield* snap("new", B, 8);
  yield* begin("DONTNEED B 0..7");
  done(yield* madvise(B, 8, MADV_DONTNEED));
}
