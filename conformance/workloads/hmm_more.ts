import {
  A,
  anon,
  B,
  begin,
  C,
  closeAndUnlink,
  done,
  get,
  HMM_FOR_WRITE,
  HMM_NO_FAULT,
  HMM_READ,
  hmm,
  interval,
  intervalRemove,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  MS_SYNC,
  mark,
  mkfile,
  mmap,
  mprotect,
  msync,
  PR,
  PROT_NONE,
  PW,
  path,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* hmmMore(): Task {
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* anon(A, 4);
  yield* set(A, 1);
  yield* get(A + 1);
  yield* mprotect(A + 2, 2, PR);
  yield* mmap(B, 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* mmap(C, 2, PW, MAP_SHARED, f, 0);
  const i = yield* interval("I", A, 8, 0);
  const j = yield* interval("J", B, 2, 0);
  const n = yield* interval("K", C, 2, 0);
  mark("no fault", yield* hmm(i, A, 4, HMM_NO_FAULT));
  mark("read", yield* hmm(i, A, 4, HMM_READ));
  mark("write over read-only", yield* hmm(i, A, 4, HMM_FOR_WRITE));
  mark("write 0..1", yield* hmm(i, A, 2, HMM_FOR_WRITE));
  mark("PROT_NONE, no fault", yield* hmm(j, B, 2, HMM_NO_FAULT));
  mark("PROT_NONE, read", yield* hmm(j, B, 2, HMM_READ));
  mark("file, no fault", yield* hmm(n, C, 2, HMM_NO_FAULT));
  mark("file, read", yield* hmm(n, C, 2, HMM_READ));
  mark("file, write", yield* hmm(n, C, 2, HMM_FOR_WRITE));
  mark("over the end of the area", yield* hmm(i, A, 6, HMM_NO_FAULT));
  mark("over the end of the area, read", yield* hmm(i, A, 6, HMM_READ));
  yield* snap("A", A, 4);
  yield* snap("C", C, 2);
  yield* begin("msync");
  done(yield* msync(C, 2, MS_SYNC));
  mark("file, after writeback", yield* hmm(n, C, 2, HMM_NO_FAULT));
  yield* intervalRemove(i);
  yield* intervalRemove(j);
  yield* intervalRemove(n);
  yield* closeAndUnlink(f);
}
