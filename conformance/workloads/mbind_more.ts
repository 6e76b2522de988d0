import {
  A,
  anon,
  awaitByte,
  B,
  begin,
  childWait,
  done,
  drain,
  fill,
  fork,
  MADV_DONTNEED,
  MPOL_BIND,
  MPOL_DEFAULT,
  MPOL_MF_MOVE,
  MPOL_MF_MOVE_ALL,
  MPOL_MF_STRICT,
  madvise,
  mbind,
  openPipes,
  PIN_WRITE,
  PP,
  pin,
  register,
  set,
  snap,
  type Task,
  tell,
  unpin,
} from "mayfail/user";

export default function* mbindMore(): Task {
  yield* openPipes();
  yield* anon(A, 4);
  yield* fill(A, 3, 1);
  yield* anon(A + 6, 2);
  yield* fill(A + 6, 2, 1);
  yield* drain();
  yield* register("P", 0);
  yield* begin("mbind over a hole");
  done(yield* mbind(A, 8, MPOL_BIND, 2, MPOL_MF_MOVE));
  yield* snap("A", A, 4);
  yield* begin("mbind STRICT, elsewhere");
  done(yield* mbind(A, 3, MPOL_BIND, 2, MPOL_MF_STRICT));
  yield* begin("mbind STRICT, in place");
  done(yield* mbind(A, 3, MPOL_BIND, 1, MPOL_MF_STRICT));
  yield* begin("write 3");
  done(yield* set(A + 3, 1));
  yield* begin("mbind MOVE 1..2");
  done(yield* mbind(A + 1, 2, MPOL_BIND, 2, MPOL_MF_MOVE));
  yield* snap("A", A, 4);
  const a = yield* pin(A + 6, 1, PIN_WRITE);
  yield* begin("mbind MOVE|STRICT, pinned");
  done(yield* mbind(A + 6, 2, MPOL_BIND, 2, MPOL_MF_MOVE | MPOL_MF_STRICT));
  yield* snap("pinned", A + 6, 2);
  const p = yield* fork(child);
  yield* begin("mbind MOVE, shared");
  done(yield* mbind(A, 1, MPOL_BIND, 2, MPOL_MF_MOVE));
  yield* begin("mbind MOVE|STRICT, shared");
  done(yield* mbind(A, 1, MPOL_BIND, 2, MPOL_MF_MOVE | MPOL_MF_STRICT));
  yield* begin("mbind MOVE_ALL, shared");
  done(yield* mbind(A, 1, MPOL_BIND, 2, MPOL_MF_MOVE_ALL));
  yield* snap("A", A, 4);
  yield* tell(PP);
  yield* childWait(p);
  yield* begin("mbind default");
  done(yield* mbind(A, 4, MPOL_DEFAULT, 0, 0));
  yield* begin("mbind unmapped");
  done(yield* mbind(B, 1, MPOL_BIND, 2, 0));
  yield* begin("mbind no node");
  done(yield* mbind(A, 1, MPOL_BIND, 0, 0));
  yield* begin("DONTNEED 0..3");
  done(yield* madvise(A, 4, MADV_DONTNEED));
  yield* unpin(a, false);
}

export function* child(): Task {
  yield* awaitByte(PP);
}
