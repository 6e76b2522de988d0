/**
 * 10,000 malformed inputs to the front half of the command line, in this thread: each is answered by a numbered error on
 * stderr, nothing on stdout, and exit code 2; never by a stack, never by "Mayfail itself failed".
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileTaskModule } from "../compiler/compile.ts";
import { checksum } from "../search/schedule.ts";
import { NUMBERED, type Ran, type RunOptions, runCli, smallEngines } from "./cli.testkit.ts";
import { COMMANDS } from "./commands.ts";
import type { Engines } from "./jobs.ts";
import { OPTIONS } from "./options.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mayfail-malformed-"));
  writeFileSync(join(folder, "binary.ts"), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 3, 255, 254]));
  writeFileSync(join(folder, "empty.ts"), "");
  writeFileSync(join(folder, "case.txt"), "export default 1;");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function refused({ code, out, err }: Ran): void {
  expect(err).toMatch(NUMBERED);
  expect(err).not.toMatch(/MF0109|\n +at /);
  expect([code, out]).toEqual([2, ""]);
}

async function holds<T>(runs: number, inputs: fc.Arbitrary<T>, check: (input: T) => Promise<void>): Promise<void> {
  await fc.assert(fc.asyncProperty(inputs, check), { seed: 20_200_624, numRuns: runs });
}

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ maxLength: 3000 }),
  fc.constantFrom(
    "",
    " ",
    ":",
    "::",
    "/",
    "\0",
    "\u001b[31m",
    "__proto__",
    "constructor",
    "toString",
    "-",
    "--=",
    "%s",
    "..",
    "../..",
    "~",
  ),
);
const commandNames = Object.keys(COMMANDS);
const noCommand = anyText.filter((t) => !commandNames.includes(t) && t !== "help" && !t.startsWith("-"));

test("3,000 words that are no command, case, file or variant", () => {
  const target = fc.oneof(
    anyText,
    anyText.map((t) => `ab-ba:${t}`),
    anyText.map((t) => `${t}:buggy`),
    anyText.map((t) => `/${t}.ts`),
    anyText.map((t) => `${t}/x.ts:buggy`),
    fc.constantFrom("/", "/dev/null", "/dev/zero", "/dev/stdin", "/tmp", "/proc/self/mem", `${"a/".repeat(3000)}x.ts`),
    fc.constantFrom("binary.ts", "empty.ts:v", "case.txt", "missing.ts").map((name) => join(folder, name)),
  );
  const known = ["ab-ba", "ab-ba:buggy", "ab-ba:fixed", "self-lock", "self-lock:buggy"];
  const wrongTarget = target.filter((t) => !known.includes(t) && !t.startsWith("-"));
  const words = fc.oneof(
    fc
      .tuple(
        noCommand,
        fc.array(
          anyText.filter((t) => !t.startsWith("-")),
          { maxLength: 3 },
        ),
      )
      .map(([c, rest]) => [c, ...rest]),
    wrongTarget.map((t) => ["check", t]),
    wrongTarget.map((t) => ["check", "--json", "--", t]),
    wrongTarget.map((t) => ["replay", t, "1-a-0000"]),
    wrongTarget.map((t) => ["atlas", t]),
    fc.tuple(wrongTarget, wrongTarget).map(([a, b]) => ["check", a, b]),
    noCommand.map((t) => ["help", t]),
    noCommand.map((t) => ["demo", t]),
  );
  const engines = { ...smallEngines, load: () => Promise.resolve({}) };
  return holds(3000, words, async (argv) => refused(await runCli(argv, { engines })));
});

test("2,000 options that do not exist, or have values that are not possible", () => {
  const flags = Object.values(OPTIONS).map((o) => o.flag);
  const badNumber = fc.oneof(
    fc.constantFrom(
      "",
      "-1",
      "NaN",
      "Infinity",
      "1e9",
      "0x10",
      "1_000",
      " 5",
      "5 ",
      "٣",
      "1.5.2",
      "++1",
      "9".repeat(400),
      "null",
    ),
    anyText.filter((t) => !/^[\d.]/.test(t)),
    fc.bigInt({ min: 10n ** 17n }).map(String),
  );
  const noOption = anyText.map((t) => `--${t}`).filter((t) => t !== "--" && !flags.includes(t.split("=")[0] ?? ""));
  const argv = fc.oneof(
    noOption.map((o) => ["check", o, "ab-ba"]),
    anyText.filter((t) => t.length > 0 && t !== "h" && t !== "V" && !t.startsWith("-")).map((t) => ["atlas", `-${t}`]),
    fc
      .tuple(
        fc.constantFrom("--seed", "--max-states", "--max-seconds", "--max-memory", "--workers", "--patience"),
        badNumber,
        fc.boolean(),
      )
      .map(([o, v, joined]) => ["check", "ab-ba", ...(joined ? [`${o}=${v}`] : [o, v])]),
    anyText.filter((t) => t !== "text" && t !== "mail").map((v) => ["check", "ab-ba", `--format=${v}`]),
    anyText.filter((t) => !["auto", "stateful", "dpor"].includes(t)).map((v) => ["check", "ab-ba", `--engine=${v}`]),
    anyText.map((v) => ["check", "ab-ba", `--json=${v}`]),
    fc.constantFrom("--seed", "--engine", "--format").map((o) => ["check", "ab-ba", o]),
    fc.constantFrom("--list", "--all", "--json", "--changes").map((o) => ["demo", o]),
    fc.constantFrom("--list", "--engine=dpor", "--seed=1").map((o) => ["replay", "ab-ba:buggy", "1-a-0000", o]),
  );
  return holds(2000, argv, async (words) => refused(await runCli(words)));
});

/** A schedule that replays: both tasks take their first lock. */
const GOOD = withChecksum("1-ab");

function withChecksum(head: string): string {
  return `${head}-${checksum(head)}`;
}

test("the schedule that is spoiled below is a good one", async () => {
  const { code, err } = await runCli(["replay", "ab-ba:buggy", GOOD]);
  expect([code, err]).toEqual([1, ""]);
});

test("1,000 mistyped schedules", () => {
  const at = fc.nat(GOOD.length - 1);
  const spoiled = fc.oneof(
    anyText.filter((t) => !t.startsWith("-")),
    at.map((i) => GOOD.slice(0, i)),
    at.map((i) => GOOD.slice(0, i) + GOOD.slice(i + 1)),
    fc.tuple(at, fc.string({ minLength: 1, maxLength: 2 })).map(([i, c]) => GOOD.slice(0, i) + c + GOOD.slice(i + 1)),
    fc.tuple(at, anyText).map(([i, t]) => GOOD.slice(0, i) + t + GOOD.slice(i)),
    fc.constant(GOOD + GOOD),
  );
  const wrong = spoiled.filter((t) => t.replace(/\s+/g, "") !== GOOD && !t.startsWith("-"));
  return holds(1000, wrong, async (word) => refused(await runCli(["replay", "ab-ba:buggy", word])));
});

test("1,000 schedules that are well formed and fit no run, or a part of one", () => {
  const number = fc.oneof(fc.nat(99), fc.constantFrom(999_999, 1_000_000, 2 ** 30, 2 ** 31, 10 ** 15)).map(String);
  const task = fc.oneof(fc.constantFrom("a", "b", "c", "Z", "~a", "~~~~b"), fc.string({ maxLength: 2 }));
  const item = fc
    .tuple(task, fc.option(number, { nil: "" }), fc.option(number, { nil: "" }))
    .map(([t, n, c]) => `${t}${n}${c && `.${c}`}`);
  const group = fc.tuple(fc.array(item, { maxLength: 3 }), number).map(([list, n]) => `_${list.join("")}-${n}`);
  const nested = fc
    .tuple(fc.integer({ min: 1, max: 60 }), number)
    .map(([n, times]) => `${"_".repeat(n)}a${`-${times}`.repeat(n)}`);
  const settings = fc.constantFrom("", "f", "x3", "x99", "v0", "v999999", "fx2v1v2");
  const body = fc.array(fc.oneof(item, group, nested), { maxLength: 4 }).map((list) => list.join(""));
  return holds(1000, fc.tuple(settings, body), async ([s, b]) => {
    const ran = await runCli(["replay", "ab-ba:buggy", withChecksum(`1${s}-${b}`)]);
    if (ran.code === 2) refused(ran);
    else expect([ran.err, ran.out.startsWith("ab-ba:buggy\n")]).toEqual(["", true]);
  });
});

test("2,000 exports that are no case, or one whose parts are not what they should be", () => {
  const junk = fc.oneof(
    fc.anything(),
    fc.constant(() => 1),
    fc.constant(Symbol("x")),
    fc.constant(10n ** 30n),
  );
  const almost = fc.record(
    {
      kind: fc.oneof(fc.constant("mayfail-case"), junk),
      id: fc.oneof(fc.string(), junk),
      title: junk,
      class: junk,
      variants: fc.oneof(junk, fc.dictionary(fc.string(), junk), fc.constant({ v: {} })),
      setup: fc.oneof(
        junk,
        junk.map((e) => () => {
          throw e;
        }),
        junk.map((name) => (m: { spawn(name: unknown, f: unknown, args: unknown): void }) => m.spawn(name, name, name)),
      ),
    },
    { requiredKeys: [] },
  );
  const exported = fc.oneof(
    junk.map((value) => ({ default: value })),
    almost.map((value) => ({ default: value })),
    fc.dictionary(fc.string(), junk),
  );
  return holds(2000, exported, async (module) => {
    const engines: Engines = { ...smallEngines, load: () => Promise.resolve(module) };
    const ran = await runCli(["check", join(folder, "empty.ts")], { engines });
    if (ran.code === 2) refused(ran);
    // A set-up that does nothing is a case without tasks.
    else expect(ran.out).toContain("ok: ");
  });
});

test("1,000 case files that are cut off or have a piece missing", () => {
  const source = readFileSync(new URL("cases.testkit.ts", import.meta.url), "utf8");
  const path = join(folder, "cut.ts");
  const options: RunOptions = {
    engines: {
      ...smallEngines,
      load: async (file) => ({ ...compileTaskModule(readFileSync(file, "utf8"), { filename: "cut.ts" }) }),
    },
  };
  const at = fc.nat(source.length);
  const spoiled = fc.oneof(
    at.map((i) => source.slice(0, i)),
    fc.tuple(at, fc.nat(80)).map(([i, n]) => source.slice(0, i) + source.slice(i + n)),
    fc.tuple(at, anyText).map(([i, t]) => source.slice(0, i) + t + source.slice(i)),
  );
  return holds(1000, spoiled, async (text) => {
    writeFileSync(path, text);
    refused(await runCli(["check", path], options));
  });
});
