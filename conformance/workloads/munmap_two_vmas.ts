import { A, anon, begin, done, fill, mprotect, munmap, PR, register, type Task } from "mayfail/user";

export default function* munmapTwoVmas(): Task {
  yield* anon(A, 4);
  yield* mprotect(A + 2, 2, PR);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* begin("munmap 0..3 (2 vmas)");
  done(yield* munmap(A, 4));
}
