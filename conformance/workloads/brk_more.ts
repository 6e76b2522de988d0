import { begin, brk, done, fill, MADV_DONTNEED, madvise, register, set, type Task } from "mayfail/user";

export default function* brkMore(): Task {
  const heap = yield* brk(0);
  yield* brk(heap + 4);
  yield* fill(heap, 4, 1);
  yield* register("P", 0);
  yield* begin("brk + 2 more");
  done(yield* brk(heap + 6));
  yield* begin("brk back to 3");
  done(yield* brk(heap + 3));
  yield* begin("brk the same");
  done(yield* brk(heap + 3));
  yield* begin("brk to 5");
  done(yield* brk(heap + 5));
  yield* begin("write 3");
  done(yield* set(heap + 3, 1));
  yield* begin("DONTNEED 0..4");
  done(yield* madvise(heap, 5, MADV_DONTNEED));
  yield* begin("brk to the start");
  done(yield* brk(heap));
}
