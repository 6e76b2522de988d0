import { A, anon, begin, done, mprotect, PR, PW, register, set, type Task } from "mayfail/user";

export default function* mprotectSlices(): Task {
  yield* anon(A, 2048);
  yield* set(A + 600, 1);
  yield* set(A + 1700, 1);
  yield* register("P", 0);
  yield* begin("mprotect RO all");
  done(yield* mprotect(A, 2048, PR));
  yield* begin("mprotect RW 300..1800");
  done(yield* mprotect(A + 300, 1500, PW));
  yield* begin("mprotect RW all");
  done(yield* mprotect(A, 2048, PW));
}
