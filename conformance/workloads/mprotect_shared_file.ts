import {
  A,
  begin,
  closeAndUnlink,
  done,
  get,
  MAP_SHARED,
  MS_ASYNC,
  MS_SYNC,
  mkfile,
  mmap,
  mprotect,
  msync,
  PR,
  PROT_NONE,
  PW,
  path,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* mprotectSharedFile(): Task {
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* mmap(A, 2, PW, MAP_SHARED, f, 0);
  yield* get(A);
  yield* set(A + 1, 7);
  yield* register("P", 0);
  yield* snap("start", A, 2);
  yield* begin("mprotect RO");
  done(yield* mprotect(A, 2, PR));
  yield* begin("mprotect RW");
  done(yield* mprotect(A, 2, PW));
  yield* snap("rw", A, 2);
  yield* begin("write 0");
  done(yield* set(A, 9));
  yield* begin("write 1");
  done(yield* set(A + 1, 9));
  yield* snap("written", A, 2);
  yield* begin("MS_ASYNC");
  done(yield* msync(A, 2, MS_ASYNC));
  yield* begin("MS_SYNC");
  done(yield* msync(A, 2, MS_SYNC));
  yield* snap("synced", A, 2);
  yield* begin("mprotect NONE");
  done(yield* mprotect(A, 2, PROT_NONE));
  yield* snap("none", A, 2);
  yield* closeAndUnlink(f);
}
