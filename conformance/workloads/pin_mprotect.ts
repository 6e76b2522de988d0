import {
  A,
  anon,
  begin,
  dmaWrite,
  done,
  fill,
  get,
  mark,
  mprotect,
  PIN_WRITE,
  PR,
  PW,
  pin,
  register,
  set,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* pinMprotect(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const a = yield* pin(A, 1, PIN_WRITE);
  yield* begin("mprotect RO");
  done(yield* mprotect(A, 2, PR));
  yield* snap("ro", A, 1);
  yield* dmaWrite(a, 0, 42);
  mark("cpu reads page 0 after dma 42", yield* get(A));
  yield* begin("mprotect RW");
  done(yield* mprotect(A, 2, PW));
  yield* begin("write");
  done(yield* set(A, 3));
  yield* snap("rw", A, 1);
  yield* unpin(a, true);
}
