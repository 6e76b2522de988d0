/**
 * The pages that explain what a report is about: the verdict, and the rules of the contract between the mm and its subscribers
 * that are broken. Paths are from the root of the package.
 *
 *   a finding whose message names a rule, as "… (C05)"        that rule
 *   a driver in an entry of the battery (check --driver)      what src/contract/attribute.ts makes of the run
 *   a case of the atlas                                       the rules that name the case, and can end in this verdict
 */
import { ATTRIBUTION } from "../contract/attribute.ts";
import { brokenRule } from "../contract/card.ts";
import { resultOf } from "../contract/result.ts";
import { CONTRACT, type RuleId, rulePage } from "../contract/rules.ts";
import type { Verdict } from "../machine/finding.ts";
import type { Outcome } from "./outcome.ts";

export interface Page {
  readonly title: string;
  /** "docs/verdicts.md#deadlock" */
  readonly path: string;
}

const isRule = (id: string): id is RuleId => CONTRACT.some((rule) => rule.id === id);

/** The rules of the contract that `o` breaks, as far as is known; none where everything is well. */
export function brokenRulesOf(o: Outcome): readonly RuleId[] {
  if (o.verdict === "ok") return [];
  const named = (o.run?.finding?.message ?? "").match(/\bC\d\d\b/g)?.filter(isRule) ?? [];
  if (named.length > 0) return [...new Set(named)];
  if (o.entry !== null) {
    const rule = brokenRule(resultOf(o.entry, o, o.run));
    return rule === null ? [] : [rule];
  }
  const ofCase = CONTRACT.filter(({ cases }) => (cases as readonly string[]).includes(o.name)).map(({ id }) => id);
  return ofCase.filter((id) => ATTRIBUTION.some((row) => row.rule === id && row.verdict === o.verdict));
}

export function pageOfRule(id: RuleId): Page {
  const rule = CONTRACT.find((r) => r.id === id)?.rule ?? "";
  return { title: `rule ${id} of the contract: ${rule}`, path: rulePage(id) };
}

export function pageOfVerdict(verdict: Verdict): Page {
  return { title: `what ${verdict} means`, path: `docs/verdicts.md#${verdict}` };
}

/** Of numbered errors. */
export function pageOfError(code: string): Page {
  return { title: `error ${code}`, path: `docs/errors.md#${code.toLowerCase()}` };
}

/** The most particular ones first; none where everything is well. */
export function pagesOf(o: Outcome): Page[] {
  return o.verdict === "ok" ? [] : [...brokenRulesOf(o).map(pageOfRule), pageOfVerdict(o.verdict)];
}
