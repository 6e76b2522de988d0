import {
  A,
  anon,
  awaitByte,
  B,
  begin,
  childWait,
  done,
  drain,
  fill,
  fork,
  MPOL_MF_MOVE,
  MPOL_MF_MOVE_ALL,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  mark,
  movePages,
  movePagesStatus,
  mremap,
  openPipes,
  PP,
  register,
  result,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* mremapFork(): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* drain();
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* begin("mremap A -> B");
  done(yield* mremap(A, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, B));
  yield* snap("parent", B, 2);
  yield* begin("write 0");
  done(yield* set(B, 9));
  yield* begin("move_pages 0..1 -> node 1");
  result(yield* movePages(B, 2, 1, MPOL_MF_MOVE));
  mark("status 0", movePagesStatus(0));
  mark("status 1", movePagesStatus(1));
  yield* begin("move_pages MOVE_ALL");
  result(yield* movePages(B, 2, 1, MPOL_MF_MOVE_ALL));
  mark("status 0", movePagesStatus(0));
  mark("status 1", movePagesStatus(1));
  yield* snap("parent", B, 2);
  yield* tell(PP);
  yield* childWait(p);
  yield* snap("end", B, 2);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* snap("child", A, 2);
}
