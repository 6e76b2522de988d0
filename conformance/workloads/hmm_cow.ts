import {
  A,
  anon,
  awaitByte,
  childWait,
  fill,
  fork,
  HMM_FOR_WRITE,
  HMM_NO_FAULT,
  hmm,
  interval,
  intervalRemove,
  mark,
  openPipes,
  PP,
  type Task,
  tell,
} from "mayfail/user";

export default function* hmmCow(): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  const i = yield* interval("I", A, 2, 0);
  yield* hmm(i, A, 2, HMM_FOR_WRITE);
  const p = yield* fork(child);
  mark("forked", 0);
  yield* hmm(i, A, 2, HMM_NO_FAULT);
  yield* hmm(i, A, 2, HMM_FOR_WRITE);
  yield* tell(PP);
  yield* childWait(p);
  yield* intervalRemove(i);
}

export function* child(): Task {
  yield* awaitByte(PP);
}
