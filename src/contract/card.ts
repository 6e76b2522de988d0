/** What the runs of the battery say of each rule of the contract: plain data, made from outcomes. */
import type { Verdict } from "../machine/finding.ts";
import { ruleOf } from "./attribute.ts";
import { BATTERY } from "./battery/index.ts";
import { CONTRACT, type RuleId } from "./rules.ts";

/** What a run of an entry came to. `broken`: what is known of the run that breaks a rule. */
export interface EntryResult {
  readonly entry: string;
  readonly verdict: Verdict;
  readonly complete: boolean;
  readonly states: number;
  readonly seconds: number;
  readonly broken: BrokenRun | null;
}

export interface BrokenRun {
  readonly message: string;
  readonly steps: number;
  /** Functions of the tasks that wait for each other, or of the one whose step broke the rule. */
  readonly stack: readonly string[];
  readonly task: string;
  readonly sinceCallback: boolean;
}

export type Standing = "kept" | "broken" | "not decided" | "not tried";

export interface CardLine {
  readonly rule: RuleId;
  readonly standing: Standing;
  /** The entry that breaks it with the shortest run. */
  readonly by: EntryResult | null;
  /** All entries that break it. */
  readonly entries: readonly string[];
}

export interface Card {
  readonly lines: readonly CardLine[];
  /** Entries that broke something for which there is no rule: the driver's own assertions. */
  readonly others: readonly EntryResult[];
  readonly entries: readonly EntryResult[];
}

/** The card of a driver from what the entries came to; entries that were not run are missing. */
export function cardOf(entries: readonly EntryResult[]): Card {
  const broken = entries.filter((e) => e.verdict !== "ok");
  const rule = new Map(broken.map((e) => [e, brokenRule(e)]));
  const lines = CONTRACT.map(({ id }): CardLine => {
    const by = broken.filter((e) => rule.get(e) === id).toSorted((a, b) => stepsOf(a) - stepsOf(b));
    const standing = by.length > 0 ? "broken" : standingOf(id, entries);
    return { rule: id, standing, by: by[0] ?? null, entries: by.map((e) => e.entry) };
  });
  return { lines, others: broken.filter((e) => rule.get(e) === null), entries };
}

const stepsOf = (e: EntryResult): number => e.broken?.steps ?? 0;

/** The rule that the run of an entry breaks; null when it breaks none that has a number. */
export function brokenRule(e: EntryResult): RuleId | null {
  const { message = "", stack = [], task = "", sinceCallback = false } = e.broken ?? {};
  return ruleOf({ entry: e.entry, verdict: e.verdict, message, stack, task, sinceCallback });
}

/** A rule is kept when every entry that tries it was searched to its end, and nothing was found. */
function standingOf(id: RuleId, entries: readonly EntryResult[]): Standing {
  const tries = BATTERY.filter((entry) => entry.tries.includes(id));
  if (tries.length === 0) return "not tried";
  const run = tries.map((entry) => entries.find((e) => e.entry === entry.name));
  return run.every((e) => e !== undefined && (e.complete || e.verdict !== "ok")) ? "kept" : "not decided";
}

/** Rules that are broken. */
export function brokenRules(card: Card): readonly RuleId[] {
  return card.lines.filter((line) => line.standing === "broken").map((line) => line.rule);
}
