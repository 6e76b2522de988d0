import {
  A,
  begin,
  closeAndUnlink,
  dmaWrite,
  done,
  fsync,
  MAP_SHARED,
  MS_SYNC,
  mkfile,
  mmap,
  msync,
  PIN_WRITE,
  PW,
  path,
  pin,
  register,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* ext4PinnedUnpinDirty(): Task {
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* mmap(A, 2, PW, MAP_SHARED, f, 0);
  yield* register("P", 0);
  const a = yield* pin(A, 1, PIN_WRITE);
  yield* begin("msync");
  done(yield* msync(A, 1, MS_SYNC));
  yield* dmaWrite(a, 0, 42);
  yield* snap("device wrote", A, 1);
  yield* unpin(a, true);
  yield* snap("unpinned dirty", A, 1);
  yield* begin("fsync");
  done(yield* fsync(f));
  yield* snap("synced", A, 1);
  yield* closeAndUnlink(f);
}
