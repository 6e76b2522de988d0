import { A, anon, begin, done, mprotect, PR, register, type Task } from "mayfail/user";

export default function* mprotectUntouched(): Task {
  yield* anon(A, 4);
  yield* register("P", 0);
  yield* begin("mprotect RO 0..3");
  done(yield* mprotect(A, 4, PR));
}
