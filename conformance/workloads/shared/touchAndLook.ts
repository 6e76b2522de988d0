import { set, snap, type Task, type Vpn } from "mayfail/user";

/** The first page goes on the LRU with the 15th that is added to the batch of the CPU. */
export function* touchAndLook(at: Vpn): Task {
  for (let i = 0; i < 16; i++) {
    yield* set(at + i, 1);
    yield* snap("touched one more", at, 1);
  }
}
