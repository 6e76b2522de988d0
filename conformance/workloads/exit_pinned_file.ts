import {
  A,
  anon,
  B,
  closeAndUnlink,
  fill,
  MAP_SHARED,
  mark,
  mkfile,
  mmap,
  PIN_GET,
  PIN_WRITE,
  PW,
  path,
  pin,
  register,
  set,
  type Task,
} from "mayfail/user";

export default function* exitPinnedFile(): Task {
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* mmap(A, 2, PW, MAP_SHARED, f, 0);
  yield* set(A, 1);
  yield* anon(B, 2);
  yield* fill(B, 2, 1);
  yield* closeAndUnlink(f);
  yield* register("P", 0);
  yield* pin(A, 2, PIN_WRITE);
  yield* pin(B, 1, PIN_GET);
  yield* pin(B + 1, 1, 0);
  mark("> exit", 0);
}

export const keepsSubscription = true;
