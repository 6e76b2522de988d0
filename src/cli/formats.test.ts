/** `--format md|html` and `--output`. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { frame, OUTCOME, run, step } from "../report/runs.testkit.ts";
import { runCli } from "./cli.testkit.ts";
import { excerptsOf } from "./excerpts.ts";

const folder = mkdtempSync(join(tmpdir(), "mayfail-formats-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string) => join(folder, name);

test("Markdown: a report for each variant, and a table of them", async () => {
  const { out, code, err } = await runCli(["check", "ab-ba", "--format", "md"]);
  expect([code, err]).toEqual([1, ""]);
  expect(out).toMatch(/^## `ab-ba:buggy`\n/);
  expect(out).toContain("\n| 1 | `lock a` | |");
  expect(out).toContain("\n---\n\n## `ab-ba:fixed`\n");
  expect(out).toMatch(/\n\| `buggy` \| \*\*deadlock\*\* \| \d+ \| the second task/);
});

test("the replay command of a Markdown report shows the same run", async () => {
  const { out } = await runCli(["check", "ab-ba:buggy", "--format", "md"]);
  const command = /^```sh\nmayfail (.*)\n```$/m.exec(out)?.[1] ?? "";
  const again = await runCli([...command.split(" "), "--format", "md"]);
  expect(again.code).toBe(1);
  expect(again.out).toContain("| | **✗** `lock b` | |");
});

test("--output writes the file instead, its name tells the format, the exit code stays", async () => {
  for (const [name, start] of [
    ["a.html", "<!doctype html>\n"],
    ["a.md", "## `ab-ba:buggy`"],
    ["a.txt", "ab-ba:buggy\n"],
  ] as const) {
    const { out, code } = await runCli(["check", "ab-ba:buggy", "--output", file(name)]);
    expect([code, out]).toEqual([1, ""]);
    expect(readFileSync(file(name), "utf8").startsWith(start)).toBe(true);
  }
  await runCli(["check", "ab-ba", "--json", "--output", file("a.json")]);
  expect(readFileSync(file("a.json"), "utf8").trimEnd().split("\n")).toHaveLength(2);
  await runCli(["check", "ab-ba:buggy", "--format", "mail", "--output", file("b.html")]);
  expect(readFileSync(file("b.html"), "utf8")).toMatch(/^Subject: /);
});

test("a replay is a page, too", async () => {
  const { out } = await runCli(["check", "ab-ba:buggy"]);
  const word = /replay ab-ba:buggy (\S+)/.exec(out)?.[1] ?? "";
  const { out: html, code } = await runCli(["replay", "ab-ba:buggy", word, "--format", "html"]);
  expect(code).toBe(1);
  expect(html).toContain('<p class="verdict bad"><b>deadlock</b>: t1 waits');
});

test("the page shows the lines around each step, from the author's file", async () => {
  const { out } = await runCli(["check", "ab-ba:buggy", "--format", "html"]);
  expect(out).toContain("function* takeBoth(first: Mutex, second: Mutex): Task {");
});

test("lines of another file of the same name are not taken for the author's", () => {
  const at = (text: string) => {
    const stack = [frame("f", "src/cli/cases.testkit.ts", 8, text)];
    return excerptsOf([{ ...OUTCOME, run: run({ tasks: ["t"], schedule: "", steps: [step(1, 0, "lock a", stack)] }) }]);
  };
  expect(Object.values(at("yield* lock(first)")["src/cli/cases.testkit.ts"] ?? {})).toContain("  yield* lock(first);");
  expect(at("yield* lock(other)")).toEqual({ "src/cli/cases.testkit.ts": {} });
});

test("after Ctrl-C the page has what was found so far", async () => {
  const { out, code } = await runCli(["check", "ab-ba", "--format", "html"], { interrupt: true });
  expect(code).toBe(130);
  expect(out).toMatch(/^<!doctype html>/);
});

test.each([
  [
    ["check", "ab-ba", "--output", "no/such/folder/a.html"],
    "MF0119: The file no/such/folder/a.html cannot be written (it does not exist).",
  ],
  [["check", "ab-ba", "--format", "pdf"], "MF0103: The option --format wants one of text, mail, md, html"],
  [["demo", "--format", "html"], "MF0102: demo prints text or a mail."],
])("%j is bad input", async (argv, message) => {
  const { code, err } = await runCli(argv);
  expect(err.slice(0, message.length)).toBe(message);
  expect(code).toBe(2);
});
