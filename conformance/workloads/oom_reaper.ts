import type { Task } from "mayfail/user";
import { greedy, oom } from "./shared/oom.ts";

export default function* oomReaper(): Task {
  yield* oom(victim);
}

export function* victim(): Task {
  yield* greedy(0, 0);
}
