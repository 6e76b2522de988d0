import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  close,
  closeAndUnlink,
  fill,
  fork,
  get,
  mark,
  mkfile,
  O_DIRECT,
  open,
  openPipes,
  PP,
  path,
  pread,
  pwrite,
  register,
  result,
  snap,
  type Task,
  tell,
} from "mayfail/user";

/** The block layer pins the page that it reads into and writes from. */
export function* directIo(withFork: boolean): Task {
  yield* close(yield* mkfile(path("/mnt/f"), 2));
  const f = yield* open(path("/mnt/f"), O_DIRECT);
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* openPipes();
  let p = -1;
  yield* register("P", 0);
  if (withFork) p = yield* fork(child);
  yield* snap("before", A, 1);
  yield* begin("pread O_DIRECT 4096");
  result(yield* pread(f, A, 0));
  yield* snap("after", A, 1);
  mark("parent reads page 0", yield* get(A));
  yield* begin("pwrite O_DIRECT 4096");
  result(yield* pwrite(f, A, 1));
  yield* snap("after pwrite", A, 1);
  if (p >= 0) {
    yield* tell(PP);
    yield* childWait(p);
  }
  yield* closeAndUnlink(f);
}

export function* child(): Task {
  yield* awaitByte(PP);
  mark("child reads page 0", yield* get(A));
}
