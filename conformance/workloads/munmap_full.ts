import { A, anon, begin, done, fill, munmap, register, type Task } from "mayfail/user";

export default function* munmapFull(): Task {
  yield* anon(A, 8);
  yield* fill(A, 8, 1);
  yield* register("P", 0);
  yield* begin("munmap 0..7");
  done(yield* munmap(A, 8));
}
