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
  type Path,
  PG,
  PIN_LONGTERM,
  PIN_WRITE,
  PW,
  pin,
  punchHole,
  register,
  result,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

/** A device writes to a page of a file, while it is written back and after it was taken out of the file. */
export function* filePinned(file: Path): Task {
  const f = yield* mkfile(file, 4);
  yield* mmap(A, 4, PW, MAP_SHARED, f, 0);
  yield* register("P", 0);
  const a = yield* pin(A, 1, PIN_WRITE | PIN_LONGTERM);
  yield* snap("pinned", A, 1);
  yield* begin("msync");
  done(yield* msync(A, 1, MS_SYNC));
  yield* snap("synced while pinned", A, 1);
  yield* dmaWrite(a, 0, 42);
  yield* snap("device wrote", A, 1);
  mark("cpu reads page 0", yield* get(A));
  yield* begin("punch hole 0");
  done(yield* punchHole(f, 0, PG));
  yield* snap("hole", A, 1);
  yield* begin("cpu reads page 0");
  result(yield* get(A));
  yield* dmaWrite(a, 0, 43);
  mark("cpu reads page 0 after dma 43", yield* get(A));
  yield* snap("refault", A, 1);
  yield* unpin(a, true);
  yield* closeAndUnlink(f);
}
