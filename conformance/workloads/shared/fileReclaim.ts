import {
  A,
  begin,
  closeAndUnlink,
  drain,
  enterCgroup,
  get,
  MAP_SHARED,
  memoryReclaim,
  mkfile,
  mmap,
  type Path,
  PW,
  pin,
  register,
  result,
  set,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

/** Eight pages of a file, one of them pinned, in a cgroup that is asked four times to give back all. */
export function* fileReclaim(at: Path): Task {
  enterCgroup();
  const file = yield* mkfile(at, 8);
  yield* mmap(A, 8, PW, MAP_SHARED, file, 0);
  for (let i = 0; i < 8; i++) yield* get(A + i);
  yield* set(A, 1);
  const a = yield* pin(A + 2, 1, 0);
  yield* drain();
  yield* register("P", 0);
  yield* snap("start", A, 4);
  for (let i = 0; i < 4; i++) {
    yield* begin("memory.reclaim 32K");
    result(yield* memoryReclaim(32768));
  }
  yield* snap("after", A, 8);
  yield* unpin(a, false);
  yield* closeAndUnlink(file);
}
