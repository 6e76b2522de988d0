/**
 * The pages that explain what a report is about: the verdict, and the rule of the contract between the mm and its subscribers
 * that was broken. A finding names the rule in its message, as `contract/07-allocate-under-lock`; the page is
 * `docs/contract/07-allocate-under-lock.md`. Paths are from the root of the package.
 */
import type { Verdict } from "../machine/finding.ts";
import type { Outcome } from "./outcome.ts";

export interface Page {
  readonly title: string;
  /** "docs/verdicts.md#deadlock" */
  readonly path: string;
}

const RULE = /\bcontract\/(\d\d-[a-z0-9]+(?:-[a-z0-9]+)*)\b/g;

/** What a check's or a finding's words must contain for the report to lead to the page of rule `name`, as "07-no-early-end". */
export const ruleReference = (name: string): string => `contract/${name}`;

/** Names of the rules that `text` refers to, as "07-no-early-end", each once. */
export function rulesNamedIn(text: string): string[] {
  return [...new Set([...text.matchAll(RULE)].map((match) => match[1] as string))];
}

export function pageOfRule(name: string): Page {
  const [number = "", ...words] = name.split("-");
  return { title: `rule ${Number(number)} of the contract: ${words.join(" ")}`, path: `docs/contract/${name}.md` };
}

export function pageOfVerdict(verdict: Verdict): Page {
  return { title: `what ${verdict} means`, path: `docs/verdicts.md#${verdict}` };
}

/** Of numbered errors. */
export function pageOfError(code: string): Page {
  return { title: `error ${code}`, path: `docs/errors.md#${code.toLowerCase()}` };
}

/** The most particular one first; none where everything is well. */
export function pagesOf(o: Outcome): Page[] {
  if (o.verdict === "ok") return [];
  return [...rulesNamedIn(o.run?.finding?.message ?? "").map(pageOfRule), pageOfVerdict(o.verdict)];
}
