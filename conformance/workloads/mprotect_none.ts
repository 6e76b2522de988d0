import { A, anon, begin, done, fill, mprotect, PROT_NONE, PW, register, snap, type Task } from "mayfail/user";

export default function* mprotectNone(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* register("P", 0);
  yield* begin("mprotect NONE 0..3");
  done(yield* mprotect(A, 4, PROT_NONE));
  yield* snap("none", A, 1);
  yield* begin("mprotect RW 0..3");
  done(yield* mprotect(A, 4, PW));
  yield* snap("rw", A, 1);
}
