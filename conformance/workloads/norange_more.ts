import {
  A,
  anon,
  B,
  begin,
  childWait,
  done,
  fill,
  fork,
  get,
  MPOL_MF_MOVE,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  mark,
  movePages,
  mprotect,
  mremap,
  NORANGE,
  PR,
  register,
  result,
  set,
  type Task,
} from "mayfail/user";

export default function* norangeMore(): Task {
  yield* anon(A, 4);
  yield* fill(A, 2, 1);
  yield* get(A + 2);
  yield* register("P", NORANGE);
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* begin("write 0");
  done(yield* set(A, 9));
  yield* begin("write 2 (zero page)");
  done(yield* set(A + 2, 9));
  yield* childWait(p);
  yield* begin("mremap A -> B");
  done(yield* mremap(A, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, B));
  yield* begin("move_pages");
  result(yield* movePages(B, 2, 1, MPOL_MF_MOVE));
  yield* begin("mprotect");
  done(yield* mprotect(B, 4, PR));
}

export function* child(): Task {}
