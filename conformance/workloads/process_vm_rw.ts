import {
  A,
  anon,
  begin,
  childWait,
  fill,
  fork,
  getppid,
  openPipes,
  processVmReadv,
  processVmWritev,
  register,
  result,
  snap,
  type Task,
} from "mayfail/user";

export default function* processVmRw(): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* childWait(yield* fork(child));
  yield* snap("parent", A, 2);
}

export function* child(): Task {
  yield* begin("process_vm_readv page 0");
  result(yield* processVmReadv(getppid(), A));
  yield* begin("process_vm_writev page 0");
  result(yield* processVmWritev(getppid(), A, 7));
}
