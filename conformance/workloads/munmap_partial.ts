import { A, anon, begin, done, fill, munmap, register, snap, type Task } from "mayfail/user";

export default function* munmapPartial(): Task {
  yield* anon(A, 8);
  yield* fill(A, 8, 1);
  yield* register("P", 0);
  yield* begin("munmap 2..4");
  done(yield* munmap(A + 2, 3));
  yield* snap("after", A, 8);
}
