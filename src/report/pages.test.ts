/** Links lead to headings that exist. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../scripts/project.mjs";
import { errorTable } from "../errors.ts";
import { VERDICTS } from "../machine/finding.ts";
import { mailReport } from "./mail.ts";
import { mdReport } from "./md.ts";
import { pageOfError, pageOfRule, pageOfVerdict, pagesOf, ruleReference, rulesNamedIn } from "./pages.ts";
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
const named = {
  ...USE_AFTER_FREE,
  run: { ...run, finding: { ...run.finding, message: `the end came first (${ruleReference("07-no-early-end")}).` } },
};

test("a finding that names a rule of the contract leads to its page, in every form", () => {
  expect(pagesOf(named).map((page) => page.path)).toEqual([
    "docs/contract/07-no-early-end.md",
    "docs/verdicts.md#use-after-free",
  ]);
  for (const report of [textReport(named, PLAIN), mailReport(named, "0.1.0"), mdReport(named, "0.1.0")]) {
    expect(report).toContain("docs/contract/07-no-early-end.md");
  }
  expect(textReport(named, PLAIN)).toContain("\nrule 7 of the contract: no early end: docs/");
});

test("others lead to their verdict, and what is well leads nowhere", () => {
  expect(pagesOf(AB_BA).map((page) => page.path)).toEqual(["docs/verdicts.md#deadlock"]);
  expect(pagesOf(OUTCOME)).toEqual([]);
});

test("references are read as they are written, several, each once", () => {
  expect(rulesNamedIn("contract/01-a, contract/12-b-c and contract/01-a; not contract/1-a or contract/")).toEqual([
    "01-a",
    "12-b-c",
  ]);
  expect(pageOfRule("12-b-c")).toEqual({ title: "rule 12 of the contract: b c", path: "docs/contract/12-b-c.md" });
});
