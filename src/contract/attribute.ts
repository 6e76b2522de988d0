/**
 * Which rule of the contract a finding is about. A verdict says what went wrong, a rule what the driver should not have done:
 * the first row of the table that fits.
 */
import type { Verdict } from "../machine/finding.ts";
import type { RuleId } from "./rules.ts";

/** What is known of a run that broke a rule. */
export interface Evidence {
  readonly entry: string;
  readonly verdict: Verdict;
  readonly message: string;
  /** Functions of the waiting tasks, innermost first, those of all tasks in the cycle. */
  readonly stack: readonly string[];
  /** The task whose step broke the rule: userspace of the device, or what happened to its memory. */
  readonly task: string;
  /** Userspace has made steps after the last callback of that task: the device may have been programmed after it. */
  readonly sinceCallback: boolean;
}

interface Row {
  readonly rule: RuleId;
  readonly verdict: Verdict;
  /** Why this rule, for the page. */
  readonly because: string;
  readonly fits: (e: Evidence) => boolean;
}

const inside = (e: Evidence, ...names: readonly string[]): boolean => e.stack.some((f) => names.includes(f));
const always = (): boolean => true;
const inEntry =
  (...entries: readonly string[]) =>
  (e: Evidence): boolean =>
    entries.some((name) => e.entry === name || e.entry.startsWith(`${name}-`));

/** The slot of the first child of the task `main` of every scene: bench.ts. */
export const USERSPACE = "main/0";
/** Names in stacks by which one sees what the waiting tasks were about. */
const RECLAIM = ["performReclaim", "tryToFreePages", "shrinkFolioList", "shrinkNode", "doTryToFreePages"];
const ENDING = ["exitMmap", "mmput", "mmNotifierRelease", "mmuNotifierRelease"];
/** In a callback; and where pages are got or given back, so that it is the references that are wrong. */
const CALLBACK = ["invalidateRangeStart", "invalidateRangeEnd", "mmuNotifierRelease"];
const REFERENCES = ["getUserPagesFast", "getUserPagesFastOnly", "getUserPagesUnlocked", "unpinUserPages", "folioPut"];

export const ATTRIBUTION: readonly Row[] = [
  {
    rule: "C11",
    verdict: "deadlock",
    because: "a folio lock is in the cycle",
    fits: (e) => /folio|page lock/i.test(e.message) || inside(e, "lockFolio", "setPageDirtyLock"),
  },
  { rule: "C10", verdict: "deadlock", because: "the mm is going", fits: (e) => inside(e, ...ENDING) },
  {
    rule: "C14",
    verdict: "deadlock",
    because: "there is a second subscriber, which would let go of what the driver waits for",
    fits: inEntry("order"),
  },
  {
    rule: "C02",
    verdict: "deadlock",
    because: "something is waited for that is no lock",
    fits: (e) => /\((wait for|flush|cancel) /.test(e.message),
  },
  {
    rule: "C01",
    verdict: "deadlock",
    because: "an allocation under a lock has come to the callback, which wants that lock",
    fits: (e) => inside(e, ...RECLAIM),
  },
  {
    rule: "C02",
    verdict: "deadlock",
    because: "the callback waits for somebody who waits for its caller",
    fits: always,
  },
  { rule: "C08", verdict: "livelock", because: "the run never ends", fits: always },
  { rule: "C06", verdict: "atomic-sleep", because: "somebody sleeps who must not", fits: always },
  { rule: "C16", verdict: "leak", because: "an allocation has failed", fits: inEntry("allocation-fails") },
  { rule: "C13", verdict: "leak", because: "something has not come back", fits: always },
  { rule: "C05", verdict: "missed-notification", because: "starts and ends do not pair", fits: always },
  {
    rule: "C09",
    verdict: "use-after-free",
    because: "an object of the driver is used that is gone",
    fits: (e) => !/frame|folio|page/i.test(e.message),
  },
  {
    rule: "C04",
    verdict: "use-after-free",
    because: "the driver itself has touched a page that it had only collected, and nobody had kept it",
    fits: (e) => / is used, and it is free/.test(e.message) && !inside(e, ...CALLBACK, ...REFERENCES),
  },
  {
    rule: "C04",
    verdict: "stale-mapping",
    because: "the device was given pages that were gone already",
    fits: (e) => e.task === USERSPACE || e.sinceCallback,
  },
  {
    rule: "C18",
    verdict: "stale-mapping",
    because: "the device may write where its process may only read",
    fits: (e) => /may write|read-only|child/.test(e.message),
  },
  {
    rule: "C17",
    verdict: "stale-mapping",
    because: "there are two processes",
    fits: inEntry("two-processes"),
  },
  { rule: "C03", verdict: "stale-mapping", because: "the device has kept what its process has lost", fits: always },
  { rule: "C03", verdict: "use-after-free", because: "the device has kept a page that is free", fits: always },
  { rule: "C12", verdict: "lost-write", because: "what the device wrote is gone", fits: always },
  { rule: "C19", verdict: "data-race", because: "a field was touched without its lock", fits: always },
  { rule: "C16", verdict: "assertion", because: "an allocation has failed", fits: inEntry("allocation-fails") },
];

/** The rule that `e` breaks; null when none fits, so the finding is the driver's own assertion. */
export function ruleOf(e: Evidence): RuleId | null {
  return ATTRIBUTION.find((row) => row.verdict === e.verdict && row.fits(e))?.rule ?? null;
}
