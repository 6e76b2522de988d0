import { A, anon, begin, clearRefs, fill, register, result, snap, type Task } from "mayfail/user";

export default function* clearRefsYoung(): Task {
  yield* anon(A, 4);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* begin("clear_refs 1");
  result(yield* clearRefs(1));
  yield* snap("cleared", A, 2);
}
