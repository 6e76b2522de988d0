import {
  A,
  anon,
  awaitByte,
  B,
  begin,
  childWait,
  drain,
  fill,
  fork,
  MAP_ANONYMOUS,
  MAP_SHARED,
  migratePages,
  mmap,
  openPipes,
  PIN_WRITE,
  PP,
  PW,
  pin,
  register,
  result,
  set,
  snap,
  type Task,
  tell,
  unpin,
} from "mayfail/user";

export default function* migratePagesMore(): Task {
  yield* openPipes();
  yield* anon(A, 3);
  yield* fill(A, 3, 1);
  yield* mmap(B, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* set(B, 1);
  yield* drain();
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* begin("migrate 0->0");
  result(yield* migratePages(0, 0));
  const a = yield* pin(A + 1, 1, PIN_WRITE);
  yield* begin("migrate 0->1");
  result(yield* migratePages(0, 1));
  yield* snap("A", A, 3);
  yield* snap("B", B, 2);
  yield* begin("migrate 0->5");
  result(yield* migratePages(0, 5));
  yield* tell(PP);
  yield* childWait(p);
  yield* unpin(a, false);
  yield* begin("migrate 0->1");
  result(yield* migratePages(0, 1));
  yield* snap("A", A, 3);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* snap("child", A, 3);
}
