import {
  A,
  anon,
  B,
  begin,
  C,
  closeAndUnlink,
  done,
  fill,
  get,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_FIXED_NOREPLACE,
  MAP_PRIVATE,
  madvise,
  mkfile,
  mmap,
  PR,
  PW,
  path,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* mmapErrors(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* register("P", 0);
  yield* begin("neither shared nor private");
  done(yield* mmap(B, 1, PW, MAP_ANONYMOUS, null, 0));
  yield* begin("0 pages");
  done(yield* mmap(B, 0, PW, MAP_PRIVATE | MAP_ANONYMOUS, null, 0));
  yield* begin("NOREPLACE over 2..5");
  done(yield* mmap(A + 2, 4, PW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, null, 0));
  yield* begin("NOREPLACE over 3");
  done(yield* mmap(A + 3, 1, PW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, null, 0));
  yield* begin("NOREPLACE beside");
  done(yield* mmap(A + 4, 2, PW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, null, 0));
  yield* begin("write 4");
  done(yield* set(A + 4, 1));
  yield* begin("DONTNEED 0..5 (one area)");
  done(yield* madvise(A, 6, MADV_DONTNEED));
  yield* begin("map beyond the end of a file");
  done(yield* mmap(C, 4, PW, MAP_PRIVATE, f, 0));
  yield* begin("read C 1");
  done(yield* get(C + 1));
  yield* snap("C", C, 4);
  yield* begin("mmap over 1..4");
  done(yield* mmap(A + 1, 4, PR, MAP_PRIVATE | MAP_ANONYMOUS, null, 0));
  yield* snap("A", A, 6);
  yield* closeAndUnlink(f);
}
