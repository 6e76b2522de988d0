import { A, anon, childWait, drain, fork, register, type Task } from "mayfail/user";
import { touchAndLook } from "./shared/touchAndLook.ts";

export default function* lruBatchChild(): Task {
  yield* anon(A, 16);
  yield* register("P", 0);
  yield* drain();
  yield* childWait(yield* fork(child));
}

export function* child(): Task {
  yield* touchAndLook(A);
}
