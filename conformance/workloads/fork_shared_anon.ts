import {
  A,
  childWait,
  fill,
  fork,
  get,
  MAP_ANONYMOUS,
  MAP_SHARED,
  mark,
  mmap,
  PW,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* forkSharedAnon(): Task {
  yield* mmap(A, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* childWait(p);
  mark("parent reads page 0", yield* get(A));
  yield* snap("parent", A, 2);
}

export function* child(): Task {
  yield* set(A, 77);
}
