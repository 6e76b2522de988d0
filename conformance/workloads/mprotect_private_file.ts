import {
  A,
  begin,
  closeAndUnlink,
  done,
  get,
  MAP_PRIVATE,
  mkfile,
  mmap,
  mprotect,
  PR,
  PW,
  path,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* mprotectPrivateFile(): Task {
  const f = yield* mkfile(path("/mnt/f"), 4);
  yield* mmap(A, 4, PW, MAP_PRIVATE, f, 0);
  yield* get(A);
  yield* set(A + 1, 7);
  yield* register("P", 0);
  yield* snap("start", A, 3);
  yield* begin("mprotect RO");
  done(yield* mprotect(A, 4, PR));
  yield* snap("ro", A, 3);
  yield* begin("mprotect RW");
  done(yield* mprotect(A, 4, PW));
  yield* snap("rw", A, 3);
  yield* begin("write 0");
  done(yield* set(A, 9));
  yield* begin("write 1");
  done(yield* set(A + 1, 9));
  yield* snap("written", A, 3);
  yield* closeAndUnlink(f);
}
