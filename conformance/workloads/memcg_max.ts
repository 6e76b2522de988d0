import {
  A,
  anon,
  begin,
  done,
  enterCgroup,
  fill,
  mark,
  memoryCurrent,
  memoryMax,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* memcgMax(): Task {
  enterCgroup();
  yield* anon(A, 96);
  yield* register("P", 0);
  yield* memoryMax(262144);
  yield* begin("touch 96 pages, max=64 pages");
  yield* fill(A, 96, 1);
  done(0);
  mark("memory.current pages", memoryCurrent());
  yield* snap("pinned range", A, 8);
  yield* memoryMax(-1);
}
