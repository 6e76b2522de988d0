import { A, anon, begin, done, fill, mprotect, munmap, PR, register, snap, type Task } from "mayfail/user";

export default function* munmapHoles(): Task {
  yield* anon(A, 4);
  yield* anon(A + 6, 4);
  yield* anon(A + 12, 4);
  yield* mprotect(A + 14, 2, PR);
  yield* fill(A, 4, 1);
  yield* fill(A + 12, 2, 5);
  yield* register("P", 0);
  yield* begin("munmap 2..13 (hole between, middle untouched)");
  done(yield* munmap(A + 2, 12));
  yield* snap("after", A, 16);
  yield* begin("munmap 4..11 (nothing there)");
  done(yield* munmap(A + 4, 8));
  yield* begin("munmap 0 pages");
  done(yield* munmap(A, 0));
  yield* begin("munmap rest");
  done(yield* munmap(A, 16));
}
