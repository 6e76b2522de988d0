import {
  A,
  anon,
  B,
  begin,
  dmaRead,
  done,
  fill,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  mark,
  mremap,
  PIN_WRITE,
  pin,
  register,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* mremapPinned(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const a = yield* pin(A, 1, PIN_WRITE);
  yield* begin("mremap A->B");
  done(yield* mremap(A, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, B));
  yield* snap("after", B, 2);
  mark("device reads page 0", yield* dmaRead(a, 0));
  yield* unpin(a, false);
}
