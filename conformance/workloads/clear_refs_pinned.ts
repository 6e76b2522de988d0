import {
  A,
  anon,
  B,
  begin,
  clearRefs,
  done,
  fill,
  get,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  mprotect,
  mremap,
  PIN_WRITE,
  PR,
  PW,
  pin,
  register,
  result,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* clearRefsPinned(): Task {
  yield* anon(A, 3);
  yield* fill(A, 2, 1);
  yield* get(A + 2);
  yield* register("P", 0);
  const a = yield* pin(A, 1, PIN_WRITE);
  yield* begin("clear_refs 4");
  result(yield* clearRefs(4));
  yield* snap("cleared", A, 3);
  yield* begin("write 0..1");
  done(yield* fill(A, 2, 5));
  yield* snap("written", A, 3);
  yield* begin("mprotect RO");
  done(yield* mprotect(A, 3, PR));
  yield* begin("mprotect RW");
  done(yield* mprotect(A, 3, PW));
  yield* snap("again", A, 3);
  yield* unpin(a, true);
  yield* begin("clear_refs 4");
  result(yield* clearRefs(4));
  yield* begin("mremap A -> B");
  done(yield* mremap(A, 3, 3, MREMAP_MAYMOVE | MREMAP_FIXED, B));
  yield* snap("moved", B, 3);
}
