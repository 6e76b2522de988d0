import {
  A,
  anon,
  begin,
  drain,
  enterCgroup,
  fill,
  mark,
  memoryCurrent,
  memoryReclaim,
  PIN_LONGTERM,
  PIN_WRITE,
  pin,
  register,
  result,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

/** 16 pages, of which two may be pinned, in a cgroup that is asked to give back 8 in each round. */
export function* reclaimAnon(pinned: boolean, rounds: number): Task {
  enterCgroup();
  yield* anon(A, 16);
  yield* fill(A, 16, 1);
  yield* drain();
  yield* register("P", 0);
  const a = pinned ? yield* pin(A + 4, 2, PIN_WRITE | PIN_LONGTERM) : -1;
  yield* snap("start", A, 1);
  for (let i = 0; i < rounds; i++) {
    yield* begin("memory.reclaim 32K");
    result(yield* memoryReclaim(32768));
    mark("memory.current pages", memoryCurrent());
  }
  yield* snap("after", A, 16);
  if (a >= 0) yield* unpin(a, true);
}
