import { A, anon, begin, fill, get, mprotect, PR, procMemWrite, register, result, snap, type Task } from "mayfail/user";

export default function* procMemForce(): Task {
  yield* anon(A, 2);
  yield* fill(A, 1, 1);
  yield* mprotect(A, 2, PR);
  yield* get(A + 1);
  yield* register("P", 0);
  yield* snap("ro", A, 2);
  yield* begin("write /proc/self/mem page 0");
  result(yield* procMemWrite(A, 7));
  yield* snap("after", A, 2);
  yield* begin("write /proc/self/mem page 1 (zero)");
  result(yield* procMemWrite(A + 1, 7));
  yield* snap("after", A, 2);
}
