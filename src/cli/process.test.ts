/** What a user's file may do to the command line, and the little that only a process of its own can show. */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/project.mjs";
import type { AtlasJson, CheckJson } from "../report/json.ts";
import { NUMBERED } from "./cli.testkit.ts";
import { folderWith, mayfail, mayfailRunning, publishedCopy } from "./process.testkit.ts";

/** Not in one piece: files of ours have no default export. */
const CASE = `export ${"default"} defineCase`;
const imports = `import { assert, cell, choose, defineCase, lock, mutex, readOnce, struct, int, until, writeOnce } from "mayfail";\n`;

/** A case with one task. */
function taskCase(body: string, more = ""): string {
  return `${imports}${more}
const Box = struct("Box", { n: int() });
function* task(m, box, c) {
${body}
}
${CASE}({
  id: "bad", title: "", variants: { v: {} },
  setup(machine) { machine.spawn("worker", task, [mutex("m"), Box.create("box"), cell("c")]); },
});
`;
}

function setupCase(body: string): string {
  return `${imports}${CASE}({ id: "bad", title: "", variants: { v: {} }, setup(m) {\n${body}\n} });\n`;
}

/** Name of the file, its content, and the message: the beginning, or a pattern. */
const BAD_FILES: readonly (readonly [string, string | Buffer, RegExp])[] = [
  ["empty.ts", "", /^MF0107: The file empty\.ts does not export a case/],
  ["syntax.ts", "export default {", /^MF0301: syntax\.ts:1:\d+: The file cannot be parsed/],
  ["binary.ts", Buffer.from([1, 0, 2, 255]), /^MF0104: .*it is not a text/],
  ["latin1.ts", Buffer.from([0xff, 0xfe, 0x41]), /^MF0104: .*it is not UTF-8 text/],
  ["number.ts", "export default 42;", /^MF0107/],
  ["almost.ts", 'export default { kind: "mayfail-case", id: 1 };', /^MF0107/],
  ["throws.ts", 'throw new Error("no luck");', /^MF0108: The file throws\.ts could not be loaded: .*no luck/],
  ["import.ts", 'import { x } from "./missing.ts"; export default x;', /^MF03\d\d|^MF0108/],
  ["package.ts", 'import x from "no-such-package"; export default x;', /^MF03\d\d|^MF0108/],
  ["noexport.ts", 'import { nothing } from "mayfail"; export default nothing();', /^MF0320: noexport\.ts:1:10/],
  ["loop.ts", "for (;;);", /^MF0110: loop\.ts:1:\d+: Loading the file did not end within 1 s/],
  ["await.ts", "await new Promise(() => {}); export default 1;", /^MF0110: Loading the file did not end/],
  ["exit.ts", "process.exit(0);", /^MF0111: .*process\.exit\(0\)/],
  ["exitlater.ts", taskCase("  yield* lock(m);\n  process.exit(7);"), /^MF0111: .*process\.exit\(7\)/],
  [
    "setup-throws.ts",
    setupCase("m.spwan();"),
    /^MF0112: The set-up of setup-throws\.ts:v failed: m\.spwan is not a function/,
  ],
  ["setup-loop.ts", setupCase("for (;;);"), /^MF0110: setup-loop\.ts:3:\d+: The set-up of the case did not end/],
  [
    "step-loop.ts",
    taskCase("  yield* lock(m);\n  for (;;);"),
    /^MF0110: step-loop\.ts:6:\d+: A step of the task worker did not/,
  ],
  [
    "step-write.ts",
    taskCase("  yield* lock(m);\n  for (;;) box.n++;"),
    /^MF0110: step-write\.ts:6:\d+: A step of the task worker/,
  ],
  [
    "wait-loop.ts",
    taskCase("  yield* until(() => ever());", "function ever() { for (;;); }\n"),
    /^MF0110: wait-loop\.ts:2:\d+: /,
  ],
  ["end-loop.ts", setupCase("m.atEnd('x', () => { for (;;); });"), /^MF0110: end-loop\.ts:3:\d+: /],
  ["plain-yield.ts", taskCase("  yield 1;"), /^MF0302: plain-yield\.ts:5:\d+/],
  [
    "string.ts",
    taskCase('  const s = "x" + m.name;\n  yield* lock(m);\n  box.n = s.length;'),
    /^MF0201: string\.ts:\d+:\d+: The variable s of task/,
  ],
  ["big.ts", taskCase("  const n = 2 ** 40;\n  yield* lock(m);\n  box.n = n;"), /^MF0202: big\.ts/],
  ["async.ts", `${imports}async function* f() {}\nfunction* g() { yield* f(); }`, /^MF0305: async\.ts:2/],
  ["outer.ts", taskCase("  count++;\n  yield* lock(m);", "let count = 0;\n"), /^MF0303: outer\.ts:6/],
];

const files = Object.fromEntries(BAD_FILES.map(([name, content]) => [name, content]));
const folder = folderWith({
  ...files,
  "prints.ts": taskCase('  console.log("from task code");\n  yield* lock(m);'),
  "medium.ts": `${imports}
function* count(c) { for (let i = 0; i < 5; i++) yield* writeOnce(c, i); }
${CASE}({ id: "medium", title: "", variants: { v: {} }, setup(m) {
  for (let i = 0; i < 3; i++) { const c = cell("c" + i); m.spawn("t" + i, count, [c]); m.spawn("u" + i, count, [c]); }
} });`,
  "large.ts": `${imports}
function* count(c) { for (let i = 0; i < 40; i++) yield* writeOnce(c, i); }
${CASE}({ id: "large", title: "", variants: { one: {}, two: {} }, setup(m) {
  for (let i = 0; i < 3; i++) { const c = cell("c" + i); m.spawn("t" + i, count, [c]); m.spawn("u" + i, count, [c]); }
} });`,
});

let copy: ReturnType<typeof publishedCopy>;
beforeAll(() => {
  copy = publishedCopy();
  copyFileSync(join(root, "docs/examples/mirror.ts"), join(folder.path, "mirror.ts"));
}, 60_000);
afterAll(() => {
  copy?.remove();
  folder.remove();
});

describe.concurrent("a bad file is answered by a numbered error with its place, exit code 2, no stack", () => {
  test.each(BAD_FILES)("%s", async (name, _content, message) => {
    const args = ["check", name, "--patience", "1"];
    const { code, out, err } = await mayfailRunning(copy.bin, args, folder.path, () => undefined);
    expect(err).toMatch(message);
    expect(err).toMatch(NUMBERED);
    expect([code, out]).toEqual([2, ""]);
  });
});

test("mistakes in task code are findings, with the place", () => {
  const cases = folderWith({
    "unlock.ts": `${imports.replace("lock,", "lock, unlock,")}function* t(m) { yield* unlock(m); }
${CASE}({ id: "u", title: "", variants: { v: {} }, setup(m) { m.spawn("w", t, [mutex("a")]); } });`,
  });
  const { code, out } = mayfail(copy.bin, ["check", "unlock.ts", "--json"], cases.path);
  cases.remove();
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ verdict: "assertion", counterexample: { message: /does not hold/ } });
});

test("a user's file with two variants: both reports, a summary, and the worst exit code", () => {
  const { code, out, err } = mayfail(copy.bin, ["check", "mirror.ts"], folder.path);
  expect([code, err]).toEqual([1, ""]);
  expect(out).toContain("deadlock: device waits for page0.lock, which kswapd holds since mirror.ts:30");
  expect(out).toMatch(/variant +verdict +states\nbuggy +deadlock +\d+ .*\nfixed +ok +\d+ .*\n$/);
  const schedule = /mayfail replay mirror\.ts:buggy (\S+)/.exec(out)?.[1] ?? "";
  expect(mayfail(copy.bin, ["replay", "mirror.ts:buggy", schedule], folder.path)).toMatchObject({ code: 1, err: "" });
});

test("what task code prints does not get between the lines of a result", () => {
  const { code, out, err } = mayfail(copy.bin, ["check", "prints.ts", "--json"], folder.path);
  expect(code).toBe(0);
  expect((JSON.parse(out) as CheckJson).verdict).toBe("ok");
  expect(err).toContain("from task code");
});

test("a user's file is searched by several threads, with the same result", () => {
  const args = ["check", "medium.ts", "--json", "--engine", "stateful", "--max-states", "400000"];
  const [one, two] = ["1", "2"].map(
    (n) => JSON.parse(mayfail(copy.bin, [...args, "--workers", n], folder.path).out) as CheckJson,
  );
  expect([one?.workers, two?.workers]).toEqual([1, 2]);
  expect(one?.transitions).toBeGreaterThan(100_000); // less is searched at once, by one thread
  expect(one).toMatchObject({ verdict: "ok", complete: true });
  expect(two).toMatchObject({ verdict: "ok", complete: true, states: one?.states, transitions: one?.transitions });
});

test("Ctrl-C ends a long search with what is known, and exit code 130", async () => {
  const { code, out, err } = await mayfailRunning(copy.bin, ["check", "large.ts"], folder.path, (child) => {
    setTimeout(() => child.kill("SIGINT"), 6000);
  });
  expect(err).toContain("mayfail: interrupted.");
  expect(out).toMatch(/not decided: no rule is broken as far as the search went \([\d,]+ states\)/);
  expect(out).toMatch(/two +not searched/);
  expect(code).toBe(130);
});

test("the atlas by two threads is the atlas by one", () => {
  const [one, two] = ["1", "2"].map((n) => {
    const args = ["atlas", "interval-remove-early-return", "fence-path-allocates", "--json", "--jobs", n];
    const atlas = JSON.parse(mayfail(copy.bin, args, folder.path).out) as AtlasJson;
    return atlas.cases.map((c) => ({ ...c, variants: c.variants.map(({ seconds: _, ...rest }) => rest) }));
  });
  expect(one?.map((c) => c.id)).toEqual(["interval-remove-early-return", "fence-path-allocates"]);
  expect(one?.flatMap((c) => c.variants).length).toBeGreaterThan(6);
  expect(two).toEqual(one);
});

test("Ctrl-C ends the atlas with the rows that are known", async () => {
  const { code, out } = await mayfailRunning(copy.bin, ["atlas"], folder.path, (child) => {
    setTimeout(() => child.kill("SIGINT"), 3000);
  });
  expect(code).toBe(130);
  expect(out).toMatch(/\n\d+ of \d+ as expected, \d+ not searched\.\n$/);
});

test("Ctrl-C ends task code that does not end by itself", async () => {
  const args = ["check", "step-loop.ts", "--patience", "60"];
  const { code, out, err } = await mayfailRunning(copy.bin, args, folder.path, (child) => {
    setTimeout(() => child.kill("SIGINT"), 3000);
  });
  expect([code, out, err]).toEqual([130, "", "mayfail: interrupted.\n"]);
});

test("a closed pipe is no error", async () => {
  const { code, err } = await mayfailRunning(copy.bin, ["--help"], folder.path, (child) => child.stdout?.destroy());
  expect([code, err]).toEqual([0, ""]);
});
