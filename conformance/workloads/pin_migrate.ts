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
  PIN_LONGTERM,
  PIN_WRITE,
  pin,
  register,
  result,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* pinMigrate(): Task {
  yield* anon(A, 4);
  yield* fill(A, 3, 1);
  yield* drain();
  yield* register("P", 0);
  const a = yield* pin(A + 1, 1, PIN_WRITE | PIN_LONGTERM);
  yield* drain();
  yield* snap("start", A, 3);
  yield* begin("move_pages -> node 1");
  result(yield* movePages(A, 3, 1, MPOL_MF_MOVE));
  mark("status page 0", movePagesStatus(0));
  mark("status page 1", movePagesStatus(1));
  mark("status page 2", movePagesStatus(2));
  yield* snap("after", A, 3);
  yield* unpin(a, false);
}
