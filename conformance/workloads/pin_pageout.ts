import {
  A,
  anon,
  begin,
  done,
  drain,
  fill,
  MADV_PAGEOUT,
  madvise,
  PIN_GET,
  PIN_LONGTERM,
  PIN_WRITE,
  pin,
  register,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* pinPageout(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* drain();
  yield* register("P", 0);
  const a = yield* pin(A + 1, 1, PIN_WRITE | PIN_LONGTERM);
  const g = yield* pin(A + 2, 1, PIN_WRITE | PIN_GET);
  yield* drain();
  yield* begin("PAGEOUT 0..3 (1 pinned, 2 got)");
  done(yield* madvise(A, 4, MADV_PAGEOUT));
  yield* snap("after", A, 4);
  yield* unpin(a, true);
  yield* unpin(g, true);
  yield* begin("PAGEOUT 0..3 again");
  done(yield* madvise(A, 4, MADV_PAGEOUT));
  yield* snap("after unpin", A, 4);
}
