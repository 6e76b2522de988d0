import { A, anon, begin, done, munmap, register, set, type Task } from "mayfail/user";

export default function* munmapBlockMiddle(): Task {
  yield* anon(A, 1536);
  yield* set(A + 512, 1);
  yield* set(A + 515, 1);
  yield* register("P", 0);
  yield* begin("munmap 514");
  done(yield* munmap(A + 514, 1));
  yield* begin("munmap 512..513 (aligned start)");
  done(yield* munmap(A + 512, 2));
  yield* begin("munmap 100 (block untouched)");
  done(yield* munmap(A + 100, 1));
  yield* begin("munmap 1200");
  done(yield* munmap(A + 1200, 1));
  yield* begin("munmap 1000..1300");
  done(yield* munmap(A + 1000, 300));
}
