import {
  A,
  anon,
  begin,
  done,
  drain,
  fill,
  get,
  MLOCK_ONFAULT,
  mlock,
  mlock2,
  munlock,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* mlockOnfault(): Task {
  yield* anon(A, 4);
  yield* fill(A, 1, 1);
  yield* drain();
  yield* register("P", 0);
  yield* begin("mlock2 ONFAULT 0..2");
  done(yield* mlock2(A, 3, MLOCK_ONFAULT));
  yield* snap("locked", A, 4);
  yield* begin("write 1");
  done(yield* set(A + 1, 1));
  yield* begin("read 2");
  done(yield* get(A + 2));
  yield* drain();
  yield* snap("touched", A, 4);
  yield* begin("mlock2 flags 2");
  done(yield* mlock2(A, 1, 2));
  yield* begin("mlock 0..2");
  done(yield* mlock(A, 3));
  yield* snap("all", A, 4);
  yield* begin("munlock");
  done(yield* munlock(A, 4));
  yield* drain();
  yield* snap("unlocked", A, 4);
}
