import { A, anon, register, type Task } from "mayfail/user";
import { touchAndLook } from "./shared/touchAndLook.ts";

export default function* lruBatch(): Task {
  yield* anon(A, 16);
  yield* register("P", 0);
  yield* touchAndLook(A);
}
