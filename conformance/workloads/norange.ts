import { A, anon, begin, done, fill, MADV_DONTNEED, madvise, munmap, NORANGE, register, type Task } from "mayfail/user";

export default function* norange(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* register("P", NORANGE);
  yield* begin("DONTNEED 0..3");
  done(yield* madvise(A, 4, MADV_DONTNEED));
  yield* begin("munmap");
  done(yield* munmap(A, 4));
}
