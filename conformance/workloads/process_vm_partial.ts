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
  MAP_PRIVATE,
  mmap,
  openPipes,
  PR,
  PROT_NONE,
  processVmReadvPages,
  processVmWritevPages,
  register,
  result,
  snap,
  type Task,
} from "mayfail/user";

export default function* processVmPartial(): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* mmap(A + 4, 2, PR, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* get(A + 4);
  yield* mmap(B, 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* childWait(p);
  yield* snap("A", A, 2);
  yield* snap("RO", A + 4, 2);
}

export function* child(): Task {
  yield* begin("readv 2 pages");
  result(yield* processVmReadvPages(getppid(), A, 2));
  yield* begin("readv 4 pages, 2 mapped");
  result(yield* processVmReadvPages(getppid(), A, 4));
  yield* begin("readv unmapped");
  result(yield* processVmReadvPages(getppid(), A + 2, 1));
  yield* begin("readv PROT_NONE");
  result(yield* processVmReadvPages(getppid(), B, 1));
  yield* begin("writev 2 pages");
  result(yield* processVmWritevPages(getppid(), A, 2, 9));
  yield* begin("writev 1 + unmapped");
  result(yield* processVmWritevPages(getppid(), A + 1, 2, 9));
  yield* begin("writev read-only");
  result(yield* processVmWritevPages(getppid(), A + 4, 1, 9));
  yield* begin("readv read-only, 1 untouched");
  result(yield* processVmReadvPages(getppid(), A + 4, 2));
}
