import {
  A,
  anon,
  B,
  fill,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  mark,
  mmap,
  mprotect,
  PIN_GET,
  PIN_WRITE,
  PROT_NONE,
  PROT_WRITE,
  pin,
  register,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* pinNone(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* mprotect(A, 2, PROT_NONE);
  yield* mmap(B, 2, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* register("P", 0);
  mark("pin PROT_NONE", yield* pin(A, 1, 0));
  mark("pin PROT_NONE for writing", yield* pin(A, 1, PIN_WRITE));
  mark("get PROT_NONE", yield* pin(A, 1, PIN_GET));
  mark("pin 1..2, begins in PROT_NONE", yield* pin(A + 1, 2, 0));
  mark("get write-only", yield* pin(B, 1, PIN_GET));
  const a = yield* pin(B, 2, PIN_WRITE);
  yield* snap("B", B, 2);
  yield* unpin(a, true);
}
