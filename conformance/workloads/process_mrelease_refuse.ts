import { REFUSE, type Task } from "mayfail/user";
import { hangingVictim, mrelease } from "./shared/mrelease.ts";

export default function* processMreleaseRefuse(): Task {
  yield* mrelease(victim);
}

export function* victim(): Task {
  yield* hangingVictim(REFUSE);
}
