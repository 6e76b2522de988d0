import { A, anon, begin, childWait, done, exec, fill, register, snap, type Task, vfork } from "mayfail/user";

export default function* vforkExecChild(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  begin("vfork+exec");
  const p = yield* vfork(exec);
  done(0);
  yield* childWait(p);
  yield* snap("parent", A, 2);
}
