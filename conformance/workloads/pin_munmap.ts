import {
  A,
  anon,
  begin,
  dmaRead,
  done,
  fill,
  mark,
  munmap,
  PIN_WRITE,
  pin,
  register,
  type Task,
  unpin,
} from "mayfail/user";

export default function* pinMunmap(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const a = yield* pin(A, 1, PIN_WRITE);
  yield* begin("munmap 0..1");
  done(yield* munmap(A, 2));
  mark("device still reads page 0", yield* dmaRead(a, 0));
  yield* unpin(a, false);
}
