import { A, anon, B, childWait, fill, fork, interval, mark, register, snap, type Task } from "mayfail/user";

export default function* intervalExit(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* interval("I", A, 4, 0);
  yield* interval("J", B, 4, 0);
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* childWait(p);
  mark("> exit", 0);
}

export function* child(): Task {
  yield* snap("child", A, 2);
}

export const keepsSubscription = true;
