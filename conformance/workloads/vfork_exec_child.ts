import { A, anon, childWait, exec, fill, mark, register, snap, type Task, vfork } from "mayfail/user";

export default function* vforkExecChild(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  mark("> vfork+exec", 0);
  const p = yield* vfork(exec);
  mark("< vfork+exec", 0);
  yield* childWait(p);
  yield* snap("parent", A, 2);
}
