import {
  A,
  anon,
  begin,
  dmaWrite,
  done,
  fill,
  get,
  MADV_DONTNEED,
  madvise,
  mark,
  PIN_LONGTERM,
  PIN_WRITE,
  pin,
  register,
  set,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* pinDontneed(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const a = yield* pin(A, 1, PIN_WRITE | PIN_LONGTERM);
  yield* begin("DONTNEED 0");
  done(yield* madvise(A, 1, MADV_DONTNEED));
  yield* snap("after", A, 1);
  yield* begin("write page 0");
  done(yield* set(A, 5));
  yield* snap("rewritten", A, 1);
  yield* dmaWrite(a, 0, 42);
  mark("cpu reads page 0 after dma 42", yield* get(A));
  yield* unpin(a, true);
}
