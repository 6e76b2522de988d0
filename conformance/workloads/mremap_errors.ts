import {
  A,
  anon,
  B,
  begin,
  C,
  done,
  fill,
  get,
  MAP_ANONYMOUS,
  MAP_SHARED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  mark,
  mmap,
  mprotect,
  mremap,
  PR,
  PW,
  register,
  snap,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* mremapErrors(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* mprotect(A + 2, 2, PR);
  yield* mmap(B, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* fill(B, 2, 1);
  yield* anon(C, 2);
  yield* anon(C + 2, 1);
  yield* mprotect(C + 2, 1, PR);
  yield* register("P", 0);
  yield* begin("new size 0");
  done(yield* mremap(A, 2, 0, MREMAP_MAYMOVE, 0));
  yield* begin("unknown flag");
  done(yield* mremap(A, 2, 4, 8, 0));
  yield* begin("FIXED without MAYMOVE");
  done(yield* mremap(A, 2, 2, MREMAP_FIXED, windowAt(3)));
  yield* begin("DONTUNMAP with another size");
  done(yield* mremap(A, 2, 1, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, windowAt(3)));
  yield* begin("DONTUNMAP without MAYMOVE");
  done(yield* mremap(A, 2, 2, MREMAP_DONTUNMAP, windowAt(3)));
  yield* begin("unmapped");
  done(yield* mremap(A + 8, 2, 4, MREMAP_MAYMOVE, 0));
  yield* begin("overlap");
  done(yield* mremap(A, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, A + 1));
  yield* begin("over two areas");
  done(yield* mremap(A, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, windowAt(3)));
  yield* begin("over two areas, grow");
  done(yield* mremap(A, 4, 6, MREMAP_MAYMOVE, 0));
  yield* begin("grow in place, no room");
  done(yield* mremap(C, 2, 4, 0, 0));
  yield* begin("old size 0, private");
  done(yield* mremap(A, 0, 2, MREMAP_MAYMOVE, 0));
  yield* begin("old size 0, private, FIXED");
  done(yield* mremap(A, 0, 2, MREMAP_MAYMOVE | MREMAP_FIXED, windowAt(3)));
  yield* begin("old size 0, shared");
  done(yield* mremap(B, 0, 2, MREMAP_MAYMOVE | MREMAP_FIXED, windowAt(4)));
  mark("reads the second mapping", yield* get(windowAt(4) + 1));
  yield* snap("two mappings", windowAt(4), 2);
  yield* begin("same size");
  done(yield* mremap(A, 2, 2, 0, 0));
  yield* begin("shrink over two areas");
  done(yield* mremap(A, 4, 1, 0, 0));
  yield* snap("after", A, 4);
  yield* begin("DONTUNMAP shared");
  done(yield* mremap(B, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, windowAt(5)));
  yield* snap("old", B, 2);
  yield* snap("new", windowAt(5), 2);
}
