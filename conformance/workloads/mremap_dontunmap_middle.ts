import {
  A,
  anon,
  B,
  begin,
  done,
  fill,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  mremap,
  munmap,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* mremapDontunmapMiddle(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* register("P", 0);
  yield* begin("mremap DONTUNMAP A 1..2 -> B");
  done(yield* mremap(A + 1, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, B));
  yield* snap("old", A, 4);
  yield* begin("write 1");
  done(yield* set(A + 1, 9));
  yield* snap("old", A, 4);
  yield* snap("new", B, 2);
  yield* begin("mremap DONTUNMAP anywhere");
  done(yield* mremap(A, 1, 1, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0));
  yield* snap("old", A, 1);
  yield* begin("munmap");
  done(yield* munmap(A, 4));
}
