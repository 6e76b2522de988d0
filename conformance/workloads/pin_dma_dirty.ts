import {
  A,
  begin,
  closeAndUnlink,
  dmaWrite,
  done,
  get,
  MAP_SHARED,
  MS_SYNC,
  mark,
  mkfile,
  mmap,
  msync,
  munmap,
  PIN_WRITE,
  PW,
  path,
  pin,
  register,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* pinDmaDirty(): Task {
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* mmap(A, 2, PW, MAP_SHARED, f, 0);
  yield* get(A);
  yield* register("P", 0);
  const a = yield* pin(A, 2, PIN_WRITE);
  yield* snap("pinned", A, 2);
  yield* dmaWrite(a, 0, 42);
  yield* begin("msync");
  done(yield* msync(A, 2, MS_SYNC));
  yield* snap("synced", A, 2);
  yield* dmaWrite(a, 1, 43);
  mark("cpu reads", yield* get(A + 1));
  yield* begin("msync");
  done(yield* msync(A, 2, MS_SYNC));
  yield* begin("munmap 1");
  done(yield* munmap(A + 1, 1));
  yield* unpin(a, true);
  yield* snap("end", A, 1);
  yield* closeAndUnlink(f);
}
