import {
  A,
  anon,
  begin,
  done,
  enterCgroup,
  fill,
  mark,
  memoryCurrent,
  memoryHigh,
  register,
  type Task,
} from "mayfail/user";

export default function* memcgHigh(): Task {
  enterCgroup();
  yield* anon(A, 64);
  yield* register("P", 0);
  yield* memoryHigh(131072);
  yield* begin("touch 64 pages, high=32 pages");
  yield* fill(A, 64, 1);
  done(0);
  mark("memory.current pages", memoryCurrent());
  yield* memoryHigh(-1);
}
