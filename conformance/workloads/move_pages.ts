import {
  A,
  anon,
  begin,
  drain,
  fill,
  MPOL_MF_MOVE,
  mark,
  movePages,
  movePagesStatus,
  register,
  result,
  snap,
  type Task,
} from "mayfail/user";

export default function* moveTwoPages(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* drain();
  yield* register("P", 0);
  yield* snap("before", A, 2);
  yield* begin("move_pages -> node 1");
  result(yield* movePages(A, 2, 1, MPOL_MF_MOVE));
  mark("status page 0", movePagesStatus(0));
  mark("status page 1", movePagesStatus(1));
  yield* snap("after", A, 2);
}
