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
  snap,
  type Task,
} from "mayfail/user";

export default function* mremapPmdMove(): Task {
  yield* anon(A, 1024);
  yield* fill(A, 1024, 1);
  yield* register("P", 0);
  yield* begin("mremap 4M A->B");
  done(yield* mremap(A, 1024, 1024, MREMAP_MAYMOVE | MREMAP_FIXED, B));
  yield* snap("after", B + 511, 2);
}
