/** A broken rule, found while a step ran. Searchers catch it; task code never does. */

/** The verdicts of the design, section 5. `ok` is what remains when none of the others was found. */
export type Verdict =
  | "deadlock"
  | "use-after-free"
  | "stale-mapping"
  | "lost-write"
  | "livelock"
  | "missed-notification"
  | "atomic-sleep"
  | "leak"
  | "data-race"
  | "policy"
  | "assertion"
  | "ok";

export type Broken = Exclude<Verdict, "ok">;

export const VERDICTS: readonly Verdict[] = [
  "deadlock",
  "use-after-free",
  "stale-mapping",
  "lost-write",
  "livelock",
  "missed-notification",
  "atomic-sleep",
  "leak",
  "data-race",
  "policy",
  "assertion",
  "ok",
];

export class Finding extends Error {
  readonly verdict: Broken;
  /** Slot of the task whose step broke the rule, -1 where it is about the whole state. */
  task = -1;
  /** For deadlocks: the slots of the tasks in the cycle, in waiting order. */
  readonly cycle: readonly number[];

  constructor(verdict: Broken, message: string, cycle: readonly number[] = []) {
    super(message);
    this.name = "Finding";
    this.verdict = verdict;
    this.cycle = cycle;
  }
}

/** Task code: ends the run with a finding unless `condition` holds. */
export function must(condition: boolean, verdict: Broken, message: string): void {
  if (!condition) throw new Finding(verdict, message);
}

/** A rule is broken: for places where `must` would make up its sentence too often in vain. */
export function broken(verdict: Broken, message: string): never {
  throw new Finding(verdict, message);
}

/** Task code: the case's own assertion. */
export function assert(condition: boolean, message: string): void {
  if (!condition) throw new Finding("assertion", message);
}
