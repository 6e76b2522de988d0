/** Markdown that shows names as they are, whatever the names are. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { HOSTILE, HOSTILE_NAMES } from "./hostile.testkit.ts";
import { mdReport } from "./md.ts";
import { code, codeBlock, escapeMd, mdTable } from "./mdText.ts";

/** What is left of a line of Markdown without its code spans: GitHub's rule, a run of backticks up to the next one as long. */
function withoutCode(line: string): string {
  return line.replace(/(?<![`\\])(`+)(?!`)(.*?)(?<!`)\1(?!`)/g, "");
}

const anyText = fc.oneof(
  fc.constantFrom(...HOSTILE_NAMES),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc
    .array(fc.constantFrom("`", "|", "*", "<", "a", "\\", "@", "#", "[", "](", "\n"), { maxLength: 12 })
    .map((a) => a.join("")),
);

test("in running text nothing is markup, a link, HTML or a mention", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const escaped = escapeMd(text);
      expect(escaped).not.toMatch(/[<>@\n]/);
      expect(escaped).not.toMatch(/:\/\/|www\./i);
      expect(escaped.replace(/\\[\\`*_{}[\]()#+!|~$\-=:.)]/g, "")).not.toMatch(/[\\`*_[\]|~]/);
    }),
    { seed: 1, numRuns: 500 },
  );
  expect(escapeMd("a_b <c> & 1. @d #2")).toBe("a\\_b &lt;c&gt; &amp; 1. &#64;d \\#2");
  expect(escapeMd("1. not a list")).toBe("1\\. not a list");
});

test("a code span is one span, and ends where it should", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const span = code(text, false);
      expect(withoutCode(span)).toBe("");
    }),
    { seed: 1, numRuns: 500 },
  );
  expect(code("a `b` c", false)).toBe("``a `b` c``");
  expect(code("`a`", false)).toBe("`` `a` ``");
  expect(code("a | b")).toBe("`a \\| b`");
});

test("a fence is longer than any in the lines", () => {
  expect(codeBlock(["```", "x", "`````"])).toEqual(["``````text", "```", "x", "`````", "``````"]);
});

test("every row of a table has as many cells as its head", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyText, anyText), { minLength: 1, maxLength: 4 }), (rows) => {
      const lines = mdTable(
        ["a", "b"],
        rows.map(([a, b]) => [escapeMd(a), code(b)]),
      );
      for (const line of lines) expect(line.replace(/\\[\\|]/g, "").match(/\|/g)).toHaveLength(3);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("a report full of hostile names has the headings and blocks of any other, and no HTML but its own", () => {
  const report = mdReport(HOSTILE, "0.1.0");
  const lines = report.split("\n");
  expect(lines.filter((l) => l.startsWith("#")).map((l) => l.replace(/`.*`/, "…"))).toEqual([
    "## …",
    "### Who waits for whom",
    "### The schedule",
    "### Lockdep",
    "### Where it is from",
  ]);
  const fences = lines.filter((l) => /^`{3,}/.test(l));
  expect(fences).toHaveLength(4);
  let fence = "";
  for (const line of lines) {
    if (fence !== "") {
      if (line === fence) fence = "";
    } else if (/^`{3,}\w+$/.test(line)) fence = /^`+/.exec(line)?.[0] ?? "";
    else expect(withoutCode(line).replace(/<\/?(details|summary)>|<br>/g, "")).not.toMatch(/[<>@]/);
  }
  expect(report).not.toContain("\u202e");
  expect(report).not.toContain("\u001b");
});
