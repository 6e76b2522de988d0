import { A, anon, register, set, snap, type Task } from "mayfail/user";

/** The first page goes on the LRU when the 15th is added to the batch of the CPU, those of the program included. */
export default function* lruBatch(): Task {
  yield* anon(A, 16);
  yield* register("P", 0);
  for (let i = 0; i < 16; i++) {
    yield* set(A + i, 1);
    yield* snap("touched one more", A, 1);
  }
}
