import {
  A,
  anon,
  B,
  closeAndUnlink,
  exec,
  fill,
  interval,
  MAP_SHARED,
  mark,
  mkfile,
  mmap,
  PIN_LONGTERM,
  PIN_WRITE,
  PW,
  path,
  pin,
  register,
  type Task,
} from "mayfail/user";

export default function* execPinned(): Task {
  const f = yield* mkfile(path("/tmp/f"), 2);
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* mmap(B, 2, PW, MAP_SHARED, f, 0);
  yield* fill(B, 2, 1);
  yield* closeAndUnlink(f);
  yield* register("P", 0);
  yield* interval("I", A, 4, 0);
  yield* interval("J", B, 1, 0);
  yield* pin(A, 2, PIN_WRITE | PIN_LONGTERM);
  yield* pin(B, 1, PIN_WRITE);
  mark("> exec", 0);
  yield* exec();
}

export const keepsSubscription = true;
