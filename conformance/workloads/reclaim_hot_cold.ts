import {
  A,
  anon,
  begin,
  done,
  drain,
  enterCgroup,
  fill,
  memoryReclaim,
  register,
  result,
  snap,
  type Task,
} from "mayfail/user";

export default function* reclaimHotCold(): Task {
  enterCgroup();
  yield* anon(A, 16);
  yield* fill(A, 16, 1);
  yield* drain();
  yield* register("P", 0);
  for (let round = 0; round < 4; round++) {
    yield* begin("touch 0..3");
    yield* fill(A, 4, round);
    done(0);
    yield* begin("memory.reclaim 16K");
    result(yield* memoryReclaim(16384));
    yield* snap("round", A, 16);
  }
}
