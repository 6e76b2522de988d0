import {
  A,
  anon,
  B,
  begin,
  C,
  drain,
  fill,
  get,
  MAP_ANONYMOUS,
  MAP_SHARED,
  MPOL_MF_MOVE,
  mark,
  mmap,
  movePages,
  movePagesStatus,
  PIN_GET,
  PW,
  pagesStatus,
  pin,
  register,
  result,
  set,
  snap,
  type Task,
  unpin,
  windowAt,
} from "mayfail/user";

export default function* movePagesStatusWorkload(): Task {
  yield* anon(A, 8);
  yield* fill(A, 2, 1);
  yield* get(A + 2);
  yield* anon(B, 2);
  yield* fill(B, 2, 1);
  yield* mmap(C, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* set(C, 1);
  yield* drain();
  yield* register("P", 0);
  const a = yield* pin(A + 1, 1, PIN_GET);
  yield* drain();
  yield* begin("query A");
  result(yield* pagesStatus(A, 5));
  mark("0", movePagesStatus(0));
  mark("1", movePagesStatus(1));
  mark("2 zero page", movePagesStatus(2));
  mark("3 untouched", movePagesStatus(3));
  mark("4 untouched", movePagesStatus(4));
  yield* begin("query unmapped");
  result(yield* pagesStatus(windowAt(3), 1));
  mark("0", movePagesStatus(0));
  yield* begin("query shared");
  result(yield* pagesStatus(C, 2));
  mark("0", movePagesStatus(0));
  mark("1 untouched", movePagesStatus(1));
  yield* begin("move A 0..4 -> 1");
  result(yield* movePages(A, 5, 1, MPOL_MF_MOVE));
  mark("0", movePagesStatus(0));
  mark("1 got", movePagesStatus(1));
  mark("2 zero page", movePagesStatus(2));
  mark("3 untouched", movePagesStatus(3));
  mark("4 untouched", movePagesStatus(4));
  yield* snap("A", A, 5);
  yield* begin("move A 0..1 -> 1 again");
  result(yield* movePages(A, 2, 1, MPOL_MF_MOVE));
  mark("0", movePagesStatus(0));
  mark("1", movePagesStatus(1));
  yield* begin("move unmapped");
  result(yield* movePages(windowAt(3), 1, 1, MPOL_MF_MOVE));
  mark("0", movePagesStatus(0));
  yield* begin("move shared");
  result(yield* movePages(C, 2, 1, MPOL_MF_MOVE));
  mark("0", movePagesStatus(0));
  mark("1 untouched", movePagesStatus(1));
  yield* begin("move to node 7");
  result(yield* movePages(A, 1, 7, MPOL_MF_MOVE));
  yield* begin("move with flags 8");
  result(yield* movePages(A, 1, 1, 8));
  yield* unpin(a, false);
}
