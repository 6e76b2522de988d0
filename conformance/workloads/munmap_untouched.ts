import { A, anon, begin, done, munmap, register, type Task } from "mayfail/user";

export default function* munmapUntouched(): Task {
  yield* anon(A, 4);
  yield* register("P", 0);
  yield* begin("munmap 0..3");
  done(yield* munmap(A, 4));
}
