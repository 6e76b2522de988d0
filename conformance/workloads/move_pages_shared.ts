import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  done,
  drain,
  fill,
  fork,
  MPOL_MF_MOVE,
  MPOL_MF_MOVE_ALL,
  mark,
  movePages,
  movePagesStatus,
  openPipes,
  PP,
  register,
  result,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* movePagesShared(): Task {
  yield* openPipes();
  yield* anon(A, 3);
  yield* fill(A, 3, 1);
  yield* drain();
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* begin("move 0..1 -> 1");
  result(yield* movePages(A, 2, 1, MPOL_MF_MOVE));
  mark("0", movePagesStatus(0));
  mark("1", movePagesStatus(1));
  yield* begin("write 2");
  done(yield* set(A + 2, 9));
  yield* begin("move MOVE_ALL 0..2 -> 1");
  result(yield* movePages(A, 3, 1, MPOL_MF_MOVE_ALL));
  mark("0", movePagesStatus(0));
  mark("2", movePagesStatus(2));
  yield* snap("parent", A, 3);
  yield* tell(PP);
  yield* childWait(p);
  yield* begin("write 0");
  done(yield* set(A, 9));
  yield* snap("end", A, 3);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* snap("child", A, 3);
}
