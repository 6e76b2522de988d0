import {
  A,
  anon,
  B,
  begin,
  childWait,
  clearRefs,
  done,
  fill,
  fork,
  interval,
  intervalRemove,
  MADV_DONTNEED,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  madvise,
  mark,
  mprotect,
  mremap,
  munmap,
  PR,
  PW,
  register,
  result,
  set,
  type Task,
} from "mayfail/user";

export default function* intervals(): Task {
  yield* anon(A, 16);
  yield* fill(A, 16, 1);
  yield* register("P", 0);
  const i = yield* interval("I", A, 16, 0);
  const j = yield* interval("J", A + 4, 4, 0);
  const n = yield* interval("K", A + 4, 8, 0);
  const l = yield* interval("L", A + 15, 4, 0);
  yield* begin("DONTNEED 5");
  done(yield* madvise(A + 5, 1, MADV_DONTNEED));
  yield* begin("DONTNEED 9..15");
  done(yield* madvise(A + 9, 7, MADV_DONTNEED));
  yield* begin("mprotect RO 3..4");
  done(yield* mprotect(A + 3, 2, PR));
  yield* begin("mprotect RW 3..4");
  done(yield* mprotect(A + 3, 2, PW));
  yield* intervalRemove(n);
  yield* begin("munmap 6..7");
  done(yield* munmap(A + 6, 2));
  yield* begin("clear_refs 4");
  result(yield* clearRefs(4));
  yield* begin("mremap 0..1 -> B");
  done(yield* mremap(A, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, B));
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* childWait(p);
  yield* begin("write 4");
  done(yield* set(A + 4, 1));
  yield* intervalRemove(i);
  yield* intervalRemove(j);
  yield* intervalRemove(l);
}

export function* child(): Task {}
