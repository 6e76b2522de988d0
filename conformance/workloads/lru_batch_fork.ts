import {
  A,
  anon,
  awaitByte,
  B,
  childWait,
  drain,
  fork,
  openPipes,
  PP,
  register,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";
import { touchAndLook } from "./shared/touchAndLook.ts";

export default function* lruBatchFork(): Task {
  yield* openPipes();
  yield* anon(A, 16);
  yield* anon(B, 16);
  yield* register("P", 0);
  yield* drain();
  const p = yield* fork(child);
  yield* touchAndLook(A);
  yield* tell(PP);
  yield* childWait(p);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* drain();
  yield* set(B, 1);
  yield* snap("child", B, 1);
}
