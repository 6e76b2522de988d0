import { REFUSE, type Task } from "mayfail/user";
import { greedy, oom } from "./shared/oom.ts";

export default function* oomReaperRefuse(): Task {
  yield* oom(victim);
}

export function* victim(): Task {
  yield* greedy(REFUSE, -1);
}
