import { count } from "../report/width.ts";
import type { Progress } from "../search/check.ts";

/** What the running job is rejected with when it was stopped and had no answer in time. */
export class Interrupted extends Error {
  /** The last that was heard of it. */
  readonly progress: Progress | null;

  constructor(progress: Progress | null) {
    super(progress === null || progress.states === 0 ? "interrupted" : `interrupted while ${inWords(progress)}`);
    this.name = "Interrupted";
    this.progress = progress;
  }
}

function inWords({ phase, states, transitions }: Progress): string {
  return `${phase}, after ${count(states, "state")} and ${count(transitions, "transition")}`;
}
