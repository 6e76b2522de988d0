import {
  A,
  B,
  begin,
  closeAndUnlink,
  drain,
  get,
  MAP_PRIVATE,
  MAP_SHARED,
  MPOL_MF_MOVE,
  MPOL_MF_MOVE_ALL,
  mark,
  mkfile,
  mmap,
  movePages,
  movePagesStatus,
  PW,
  path,
  register,
  result,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* movePagesFile(): Task {
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* mmap(A, 2, PW, MAP_SHARED, f, 0);
  yield* set(A, 1);
  yield* get(A + 1);
  yield* mmap(B, 2, PW, MAP_PRIVATE, f, 0);
  yield* get(B);
  yield* set(B + 1, 1);
  yield* drain();
  yield* register("P", 0);
  yield* snap("before", A, 2);
  yield* begin("move A -> 1");
  result(yield* movePages(A, 2, 1, MPOL_MF_MOVE));
  mark("0", movePagesStatus(0));
  mark("1", movePagesStatus(1));
  yield* begin("move A -> 1, all");
  result(yield* movePages(A, 2, 1, MPOL_MF_MOVE_ALL));
  mark("0", movePagesStatus(0));
  mark("1", movePagesStatus(1));
  yield* snap("A", A, 2);
  yield* snap("B", B, 2);
  yield* begin("move B -> 1");
  result(yield* movePages(B, 2, 1, MPOL_MF_MOVE_ALL));
  mark("0", movePagesStatus(0));
  mark("1", movePagesStatus(1));
  yield* snap("B", B, 2);
  yield* closeAndUnlink(f);
}
