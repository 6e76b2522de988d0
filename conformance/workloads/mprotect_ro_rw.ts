import { A, anon, begin, done, fill, mprotect, PR, PW, register, set, snap, type Task } from "mayfail/user";

export default function* mprotectRoRw(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* register("P", 0);
  yield* snap("start", A, 2);
  yield* begin("mprotect RO 0..1");
  done(yield* mprotect(A, 2, PR));
  yield* snap("ro", A, 2);
  yield* begin("mprotect RW 0..1");
  done(yield* mprotect(A, 2, PW));
  yield* snap("rw", A, 2);
  yield* begin("write page 0");
  done(yield* set(A, 7));
  yield* snap("written", A, 2);
}
