import { A, anon, begin, done, fill, mremap, register, type Task } from "mayfail/user";

export default function* mremapGrow(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* register("P", 0);
  yield* begin("mremap grow 4->8");
  done(yield* mremap(A, 4, 8, 0, 0));
  yield* begin("mremap shrink 8->2");
  done(yield* mremap(A, 8, 2, 0, 0));
}
