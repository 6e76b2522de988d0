import { A, anon, childWait, fill, fork, mark, munmap, register, snap, type Task } from "mayfail/user";

export default function* forkChildMunmap(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const p = yield* fork(child);
  mark("child unmapped and left", yield* childWait(p));
  yield* snap("parent", A, 2);
}

export function* child(): Task {
  yield* munmap(A, 2);
}
