import {
  A,
  anon,
  B,
  begin,
  dmaRead,
  done,
  fill,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  mark,
  mremap,
  PIN_WRITE,
  pin,
  register,
  set,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* mremapDontunmapPinned(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const a = yield* pin(A, 1, PIN_WRITE);
  yield* begin("mremap DONTUNMAP A->B");
  done(yield* mremap(A, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, B));
  yield* begin("write old page 0");
  done(yield* set(A, 7));
  mark("device reads page 0", yield* dmaRead(a, 0));
  yield* snap("old", A, 2);
  yield* snap("new", B, 2);
  yield* unpin(a, true);
}
