import {
  A,
  anon,
  B,
  begin,
  childWait,
  fill,
  fork,
  get,
  getppid,
  MAP_ANONYMOUS,
  MAP_SHARED,
  mark,
  mmap,
  openPipes,
  PW,
  processVmReadvPages,
  processVmWritevPages,
  register,
  result,
  snap,
  type Task,
} from "mayfail/user";

export default function* processVmCow(): Task {
  yield* openPipes();
  yield* anon(A, 3);
  yield* fill(A, 2, 1);
  yield* mmap(B, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* childWait(p);
  yield* snap("parent", A, 3);
  yield* snap("parent", B, 2);
  mark("reads", yield* get(A));
}

export function* child(): Task {
  yield* begin("writev shared after fork");
  result(yield* processVmWritevPages(getppid(), A, 1, 9));
  yield* begin("writev untouched");
  result(yield* processVmWritevPages(getppid(), A + 2, 1, 9));
  yield* begin("readv untouched shared");
  result(yield* processVmReadvPages(getppid(), B, 1));
  yield* begin("writev shared memory");
  result(yield* processVmWritevPages(getppid(), B, 2, 9));
  yield* snap("child", A, 3);
}
