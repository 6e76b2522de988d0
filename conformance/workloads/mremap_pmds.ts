import {
  A,
  anon,
  B,
  begin,
  C,
  done,
  fill,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  mremap,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* mremapPmds(): Task {
  yield* anon(A, 1100);
  yield* fill(A, 3, 1);
  yield* fill(A + 511, 3, 1);
  yield* set(A + 1030, 1);
  yield* register("P", 0);
  yield* begin("mremap all -> B + 512");
  done(yield* mremap(A, 1100, 1100, MREMAP_MAYMOVE | MREMAP_FIXED, B + 512));
  yield* snap("after", B + 1022, 4);
  yield* begin("mremap 512..1023 -> C + 1");
  done(yield* mremap(B + 1024, 512, 512, MREMAP_MAYMOVE | MREMAP_FIXED, C + 1));
  yield* snap("after", C + 1, 3);
}
