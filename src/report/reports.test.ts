/** The reports as a reader sees them: snapshots, and what must hold for every one of them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkJson } from "./json.ts";
import { mailReport } from "./mail.ts";
import { mdReport } from "./md.ts";
import type { Outcome } from "./outcome.ts";
import { AB_BA, ALL, MANY_TASKS, OUTCOME, run, SELF_DEADLOCK, step } from "./runs.testkit.ts";
import { PLAIN } from "./style.ts";
import { textReport } from "./text.ts";
import { widthOf } from "./width.ts";

describe.each(Object.entries(ALL))("%s", (name, outcome) => {
  test("as text", async () => {
    await expect(textReport(outcome, PLAIN)).toMatchFileSnapshot(`snapshots/${name}.txt`);
  });

  test("as mail: 72 columns of ASCII", async () => {
    const mail = mailReport(outcome, "0.1.0");
    await expect(mail).toMatchFileSnapshot(`snapshots/${name}.mail`);
    expect(mail).toMatch(/^[\n\u0020-\u007e]*$/);
    expect(Math.max(...mail.split("\n").map((line) => line.length))).toBeLessThanOrEqual(72);
  });

  test("as Markdown", async () => {
    await expect(mdReport(outcome, "0.1.0")).toMatchFileSnapshot(`snapshots/${name}.md`);
  });

  test("as JSON", async () => {
    const json = checkJson(outcome);
    await expect(`${JSON.stringify(json, null, 2)}\n`).toMatchFileSnapshot(`snapshots/${name}.json.txt`);
    expect(json.counterexample === null).toBe(outcome.verdict === "ok");
  });
});

test("text fits its width, and no line ends in blanks", () => {
  for (const outcome of Object.values(ALL)) {
    for (const width of [60, 80, 132, 200]) {
      for (const line of textReport(outcome, { ...PLAIN, width }).split("\n")) {
        // The path of a page stays whole, on a line of its own.
        if (!/^ *\(docs\/\S+\)$/.test(line)) expect(widthOf(line), line).toBeLessThanOrEqual(width);
        expect(line).toBe(line.trimEnd());
      }
    }
  }
});

test("colour adds escape sequences and nothing else", () => {
  for (const outcome of Object.values(ALL)) {
    const painted = textReport(outcome, { ...PLAIN, color: true });
    expect(painted).toContain("\u001b[");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences that paint() writes
    expect(painted.replace(/\u001b\[[\d;]*m/g, "")).toBe(textReport(outcome, PLAIN));
  }
});

test("names from a user's file reach neither the terminal nor the mail as escape sequences", () => {
  const report = textReport(MANY_TASKS, PLAIN);
  expect(report).not.toContain("\u001b");
  expect(report).toContain("日本");
  expect(mailReport(MANY_TASKS, "0.1.0")).toContain("tache ?[31m??");
});

test("any names in any width: every step is shown, and no line is too long", () => {
  const text = fc.string({ minLength: 1, maxLength: 30, unit: "grapheme" });
  fc.assert(
    fc.property(
      fc.array(text, { minLength: 1, maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(5), text), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 60, max: 200 }),
      (tasks, picks, width) => {
        const steps = picks.map(([t, words], i) => step(i + 1, t % tasks.length, words, []));
        const r = run({ tasks, schedule: "1-a-0000", steps, finding: { verdict: "assertion", message: "m", task: 0 } });
        const report = textReport({ ...OUTCOME, verdict: "assertion", run: r }, { ...PLAIN, width });
        const lines = report.split("\n");
        for (const s of steps) expect(lines.some((line) => line.trimStart().startsWith(`${s.step} `))).toBe(true);
        expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(width);
      },
    ),
    { seed: 1, numRuns: 300 },
  );
});

test("a long run is shown with its middle left out, and says so; all of it on demand", () => {
  const frames = AB_BA.run?.steps[0]?.stack ?? [];
  const steps = Array.from({ length: 1000 }, (_, i) => step(i + 1, i % 2, `lock l${i}`, frames));
  const r = run({ tasks: ["t1", "t2"], schedule: "1-a-0000", steps });
  const outcome: Outcome = { ...AB_BA, verdict: "assertion", run: r };
  const folded = textReport(outcome, PLAIN);
  expect(folded).toContain("(800 steps left out");
  expect(folded).toMatch(/^ +60 .*\n.*left out.*\n +861 /m);
  expect(folded).toContain("lock l999");
  expect(textReport(outcome, PLAIN, { all: true }).match(/lock l\d+/g)).toHaveLength(1000);
});

test("the sentence names who holds what since which line", () => {
  expect(textReport(SELF_DEADLOCK, { ...PLAIN, width: 400 })).toContain(
    "deadlock: worker waits for obj0.mm.lock, which worker itself holds since src/drivers/i915Userptr.ts:123.",
  );
});

test("a schedule that is too long for a line is broken so that a shell puts it together again", () => {
  const word = `1-${"ab".repeat(60)}-${"_ab-7".repeat(20)}-x0y1`;
  const outcome: Outcome = { ...AB_BA, run: run({ tasks: ["t1", "t2"], schedule: word, steps: [] }) };
  const mail = mailReport(outcome, "0.1.0");
  const command = /^ {2}mayfail replay [\s\S]*?(?<!\\)$/m.exec(mail)?.[0] ?? "";
  const words = command.replace(/\\\n/g, " ").trim().split(/\s+/);
  expect(words.slice(0, 3)).toEqual(["mayfail", "replay", "ab-ba:buggy"]);
  expect(words.slice(3).join("")).toBe(word);
  expect(words.filter((w) => w.startsWith("-"))).toEqual([]);
});
