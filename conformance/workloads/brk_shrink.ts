import { begin, brk, done, fill, register, type Task } from "mayfail/user";

export default function* brkShrink(): Task {
  const heap = yield* brk(0);
  if ((yield* brk(heap + 4)) < 0) return;
  yield* fill(heap, 4, 1);
  yield* register("P", 0);
  yield* begin("brk -2 pages");
  done(yield* brk(heap + 2));
}
