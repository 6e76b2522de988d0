import { A, anon, fill, mark, PIN_WRITE, pin, register, type Task } from "mayfail/user";

/** Nobody unregisters before the address space dies. */
export const keepsSubscription = true;

export default function* exitPinned(): Task {
  yield* anon(A, 4);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* pin(A, 1, PIN_WRITE);
  mark("> exit", 0);
}
