import { A, anon, begin, done, fill, register, snap, type Task } from "mayfail/user";

export default function* mmapOver(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* register("P", 0);
  yield* begin("mmap MAP_FIXED over 1..2");
  done(yield* anon(A + 1, 2));
  yield* snap("after", A, 4);
}
