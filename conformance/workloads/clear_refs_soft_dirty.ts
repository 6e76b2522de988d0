import { A, anon, begin, clearRefs, done, fill, register, result, set, snap, type Task } from "mayfail/user";

export default function* clearRefsSoftDirty(): Task {
  yield* anon(A, 4);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* snap("start", A, 2);
  yield* begin("clear_refs 4");
  result(yield* clearRefs(4));
  yield* snap("cleared", A, 2);
  yield* begin("write page 0");
  done(yield* set(A, 9));
  yield* snap("written", A, 2);
}
