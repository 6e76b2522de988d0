import {
  A,
  anon,
  B,
  begin,
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

export default function* mremapResize(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* register("P", 0);
  yield* begin("mremap A->B 4->2");
  done(yield* mremap(A, 4, 2, MREMAP_MAYMOVE | MREMAP_FIXED, B));
  yield* snap("old", A, 4);
  yield* snap("new", B, 2);
  yield* begin("mremap B->A 2->6");
  done(yield* mremap(B, 2, 6, MREMAP_MAYMOVE | MREMAP_FIXED, A));
  yield* begin("write page 5");
  done(yield* set(A + 5, 9));
  yield* snap("grown", A, 6);
}
