/** Links lead to headings that exist. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../scripts/project.mjs";
import { CONTRACT, rulePage } from "../contract/rules.ts";
import { errorTable } from "../errors.ts";
import { VERDICTS } from "../machine/finding.ts";
import { mailReport } from "./mail.ts";
import { mdReport } from "./md.ts";
import type { Outcome } from "./outcome.ts";
import { pageOfError, pageOfVerdict, pagesOf } from "./pages.ts";
import { AB_BA, OUTCOME, USE_AFTER_FREE } from "./runs.testkit.ts";
import { PLAIN } from "./style.ts";
import { textReport } from "./text.ts";

/** Names of the headings of a page as GitHub makes anchors of them (for headings without punctuation). */
function anchors(page: string): string[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^#+ (.*)$/gm)].map((match) => `${page}#${match[1]?.toLowerCase().replace(/ /g, "-")}`);
}

test("every verdict and every numbered error has its heading", () => {
  const known = ["docs/verdicts.md", "docs/errors.md"].flatMap(anchors);
  const wanted = [...VERDICTS.map(pageOfVerdict), ...Object.keys(errorTable).map(pageOfError)].map((page) => page.path);
  expect(wanted.filter((path) => !known.includes(path))).toEqual([]);
});

const { run } = USE_AFTER_FREE;
if (run?.finding == null) throw new Error("the run of USE_AFTER_FREE breaks a rule");
const plain = { ...USE_AFTER_FREE, name: "a-case-of-nobody" };
const named = {
  ...plain,
  run: { ...run, finding: { ...run.finding, message: "the end came first (C05, and C99 is no rule)." } },
};
const paths = (o: Outcome) => pagesOf(o).map((page) => page.path);

test("a finding that names a rule of the contract leads to its page, in every form", () => {
  const page = rulePage("C05");
  expect(paths(named)).toEqual([page, "docs/verdicts.md#use-after-free"]);
  for (const report of [
    textReport(named, { ...PLAIN, width: 400 }),
    mailReport(named, "0.1.0"),
    mdReport(named, "0.1.0"),
  ]) {
    expect(report).toContain(page);
    expect(report).toContain("rule C05 of the contract");
  }
});

test("so does a case of the atlas that a rule names, and a driver in an entry of the battery", () => {
  const inCase = { ...AB_BA, name: CONTRACT[0].cases[0] };
  expect(paths(inCase)).toContain(rulePage("C01"));
  expect(paths({ ...inCase, verdict: "lost-write" })).toEqual(["docs/verdicts.md#lost-write"]);
  expect(paths({ ...plain, entry: "reclaim" })).toEqual([rulePage("C09"), "docs/verdicts.md#use-after-free"]);
});

test("others lead to their verdict, and what is well leads nowhere", () => {
  expect(paths(AB_BA)).toEqual(["docs/verdicts.md#deadlock"]);
  expect(paths(OUTCOME)).toEqual([]);
  expect(paths({ ...OUTCOME, name: CONTRACT[0].cases[0] })).toEqual([]);
});
