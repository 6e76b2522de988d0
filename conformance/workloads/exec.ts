import { A, anon, exec, fill, interval, mark, register, type Task } from "mayfail/user";

/** Nobody unregisters before the address space dies. */
export const keepsSubscription = true;

export default function* execute(): Task {
  yield* anon(A, 4);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* interval("I", A, 4, 0);
  mark("> exec", 0);
  yield* exec();
}
