import {
  A,
  anon,
  begin,
  done,
  fill,
  HMM_FOR_WRITE,
  HMM_NO_FAULT,
  HMM_READ,
  hmm,
  interval,
  intervalRemove,
  mark,
  mprotect,
  munmap,
  PR,
  set,
  type Task,
} from "mayfail/user";

export default function* hmmFaults(): Task {
  yield* anon(A, 4);
  yield* fill(A, 2, 1);
  const i = yield* interval("I", A, 4, 0);
  yield* hmm(i, A, 4, HMM_NO_FAULT);
  yield* hmm(i, A, 4, HMM_READ);
  yield* begin("write page 2");
  done(yield* set(A + 2, 1));
  yield* hmm(i, A, 4, HMM_FOR_WRITE);
  yield* begin("mprotect RO");
  done(yield* mprotect(A, 4, PR));
  mark("hmm write fault on RO vma", yield* hmm(i, A, 4, HMM_FOR_WRITE));
  mark("hmm read", yield* hmm(i, A, 4, HMM_READ));
  yield* begin("munmap 3");
  done(yield* munmap(A + 3, 1));
  mark("hmm over hole", yield* hmm(i, A, 4, HMM_READ));
  yield* intervalRemove(i);
}
