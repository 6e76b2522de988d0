import {
  A,
  anon,
  B,
  begin,
  done,
  fill,
  mprotect,
  PR,
  PROT_NONE,
  PROT_WRITE,
  PW,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* mprotectPuds(): Task {
  yield* anon(A + 262140, 8);
  yield* fill(A + 262140, 8, 1);
  yield* anon(B + 262140, 8);
  yield* set(B + 262145, 1);
  yield* register("P", 0);
  yield* begin("mprotect RO over a PUD border");
  done(yield* mprotect(A + 262140, 8, PR));
  yield* snap("ro", A + 262143, 2);
  yield* begin("mprotect RO, only the second block touched");
  done(yield* mprotect(B + 262140, 8, PR));
  yield* begin("mprotect RW 262138.. (begins in a hole)");
  done(yield* mprotect(A + 262138, 8, PW));
  yield* begin("mprotect NONE");
  done(yield* mprotect(A + 262140, 8, PROT_NONE));
  yield* begin("mprotect PROT_WRITE only");
  done(yield* mprotect(A + 262140, 8, PROT_WRITE));
  yield* snap("end", A + 262143, 2);
}
