/** The commands in this thread: what they print, where, and with which exit code. */
import { expect, test } from "vitest";
import { MayfailError, mayfailError } from "../errors.ts";
import { defineCase } from "../machine/scenario.ts";
import type { AtlasJson, CheckJson } from "../report/json.ts";
import { abBa, hazards } from "./cases.testkit.ts";
import { NUMBERED, plainCheck, runCli, smallEngines } from "./cli.testkit.ts";
import type { Engines } from "./jobs.ts";

const slow: Engines = {
  ...smallEngines,
  check: (program, options) => plainCheck(program, { ...options, maxStates: options.maxStates ?? 2 }),
};

test("the bare name: what it is and three commands to try, in less than a screen", async () => {
  const { code, out, err } = await runCli([]);
  expect([code, err]).toEqual([0, ""]);
  expect(out.match(/^ {2}mayfail \S+/gm)).toHaveLength(3);
  expect(out.split("\n").length).toBeLessThan(12);
});

test("help for all, for one command, and by both ways to ask", async () => {
  const { out } = await runCli(["--help"]);
  for (const command of ["check", "atlas", "demo", "replay"]) expect(out).toContain(`mayfail ${command}`);
  expect((await runCli(["help"])).out).toBe(out);
  const check = await runCli(["check", "--help"]);
  expect(check.out).toContain("--max-states N");
  expect((await runCli(["help", "check"])).out).toBe(check.out);
  expect((await runCli(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test("check: a broken rule is exit code 1, with its report on stdout", async () => {
  const { code, out, err } = await runCli(["check", "ab-ba:buggy"]);
  expect([code, err]).toEqual([1, ""]);
  expect(out).toMatch(/^ab-ba:buggy\n/);
  expect(out).toMatch(
    /\ndeadlock: t1 waits for b, which t2 holds since .*cases.testkit.ts:\d+; t2 waits for a, which t1\s+holds/,
  );
  expect(out).toMatch(/mayfail replay ab-ba:buggy 1-\S+\n/);
});

test("check: ok is 0, not decided is 3, all variants give the worst and a summary", async () => {
  expect((await runCli(["check", "ab-ba:fixed"])).code).toBe(0);
  const bounded = await runCli(["check", "ab-ba:fixed", "--max-states", "2"]);
  expect(bounded.code).toBe(3);
  expect(bounded.out).toContain("not decided: ");
  const all = await runCli(["check", "ab-ba"]);
  expect(all.code).toBe(1);
  expect(all.out).toMatch(
    /variant +verdict +states\nbuggy +deadlock +\d+ +the second task .*\nfixed +ok +\d+ +every.*\n$/,
  );
});

test("check: many variants are told in a table, with the command that tells one in full", async () => {
  const variants = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`v${i}`, { about: `number ${i}` }]));
  const many = defineCase({ id: "many", title: "", variants, setup: () => undefined });
  const { out, code } = await runCli(["check", "many"], { engines: { ...smallEngines, atlas: async () => [many] } });
  expect(code).toBe(0);
  expect(out).toMatch(
    /^variant +verdict +states\nv0 +ok +\d+ +number 0\n(v\d.*\n){8}\nOne of them in full: mayfail check many:v0\n$/,
  );
});

test("check --json: the document of the design, one line for each variant, and nothing else", async () => {
  const { code, out, err } = await runCli(["check", "ab-ba", "--json"]);
  expect([code, err]).toEqual([1, ""]);
  const [buggy, fixed] = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as CheckJson);
  expect(buggy).toMatchObject({ schema: "mayfail/check/1", case: "ab-ba", variant: "buggy", rules: "linux-6.1" });
  expect(buggy).toMatchObject({ verdict: "deadlock", counterexample: { steps: 2, contextSwitches: 1 } });
  expect(buggy?.counterexample?.trace[1]).toMatchObject({ step: 2, task: "t2", text: "lock b" });
  expect(buggy?.counterexample?.cycle).toMatchObject([
    { task: "t1", waitsFor: "b", heldBy: "t2", since: { step: 2 } },
    { task: "t2", waitsFor: "a", heldBy: "t1", since: { step: 1 } },
  ]);
  expect(fixed).toMatchObject({ verdict: "ok", complete: true, counterexample: null });
});

test("check --format mail: plain ASCII, 72 columns", async () => {
  const { out } = await runCli(["check", "ab-ba:buggy", "--format", "mail"]);
  expect(out).toMatch(/^Subject: \[mayfail\] deadlock: ab-ba:buggy\n/);
  expect(out).toMatch(/^[\n\u0020-\u007e]*$/);
});

test("replay: the schedule of a report shows the same run, in one word or in several", async () => {
  const { out } = await runCli(["check", "ab-ba:buggy"]);
  const word = /replay ab-ba:buggy (\S+)/.exec(out)?.[1] ?? "";
  const lanes = /The schedule:[\s\S]*?(?=\n\n(?:lockdep|To see))/.exec(out)?.[0] ?? "none";
  for (const words of [[word], [word.slice(0, 3), word.slice(3)]]) {
    const again = await runCli(["replay", "ab-ba:buggy", ...words]);
    expect(again.code).toBe(1);
    expect(again.out).toContain(lanes.replace("; no other is smaller", ""));
  }
  const json = await runCli(["replay", "ab-ba:buggy", word, "--json"]);
  expect((JSON.parse(json.out) as CheckJson).counterexample?.schedule).toBe(word);
  expect((await runCli(["replay", "ab-ba:buggy", word, "--changes"])).out).toMatch(/- a: nobody -> t1/);
});

test("atlas: a table, and exit code 0 when all is as expected", async () => {
  const { code, out } = await runCli(["atlas"]);
  expect(code).toBe(0);
  expect(out).toMatch(/^ab-ba \(deadlock\)\n {2}buggy +deadlock +\d+ +0\.00 +blind +as expected\n {2}fixed +ok/m);
  expect(out).toMatch(/\n3 of 3 as expected\.\n$/);
});

test("atlas --json and --list", async () => {
  const atlas = JSON.parse((await runCli(["atlas", "--json"])).out) as AtlasJson;
  expect(atlas).toMatchObject({ schema: "mayfail/atlas/1", asExpected: 3, total: 3 });
  expect(Object.keys(atlas.cases[0]?.variants[0] ?? {})).toEqual([
    "name",
    "expected",
    "verdict",
    "complete",
    "states",
    "seconds",
    "lockdep",
  ]);
  const { out, code } = await runCli(["atlas", "--list"]);
  expect(code).toBe(0);
  expect(out).toContain("ab-ba (deadlock)\n  two locks in two orders\n  buggy  deadlock  the second");
});

test("atlas --list CASE tells the case, with its sources", async () => {
  const told = defineCase({
    id: "told",
    title: "",
    text: "First\nparagraph.\n\nSecond.",
    sources: [{ ref: "319561669a59", what: "the fix" }],
    variants: { v: {} },
    setup: () => undefined,
  });
  const { out } = await runCli(["atlas", "--list", "told"], {
    engines: { ...smallEngines, atlas: async () => [told] },
  });
  expect(out).toMatch(/\n\nFirst paragraph\.\n\nSecond\.\n\n- 319561669a59: the fix\n$/);
});

test("atlas: a row that is not as expected is exit code 1, an undecided one 3", async () => {
  const wrong = defineCase({ id: "wrong", title: "", variants: { v: { expect: "leak" } }, setup: () => undefined });
  const engines = { ...smallEngines, atlas: async () => [wrong] };
  const { code, out } = await runCli(["atlas"], { engines });
  expect(code).toBe(1);
  expect(out).toContain("expected: leak");
  expect((await runCli(["atlas", "ab-ba"], { engines: slow })).code).toBe(3);
});

test("demo: the table, then one counterexample", async () => {
  const engines = { ...smallEngines, atlas: async () => [abBa, hazards] };
  const { code, out } = await runCli(["demo"], { engines });
  expect(code).toBe(0);
  expect(out).toMatch(/^answer +a +b\nbefore +deadlock +ok +as it was\nafter +ok +ok +as it is$/m);
  expect(out).toContain("worker waits for a, which worker itself holds");
  expect(out).toContain("Who waits for whom:");
});

test("Ctrl-C: what is known, and exit code 130", async () => {
  const { code, out, err } = await runCli(["check", "ab-ba"], { interrupt: true });
  expect(code).toBe(130);
  expect(err).toBe("mayfail: interrupted.\n");
  expect(out).toContain("fixed    not searched");
  expect((await runCli(["atlas"], { interrupt: true })).code).toBe(130);
});

test("colours only on a terminal, unless NO_COLOR or --no-color", async () => {
  const colored = async (argv: string[], env = {}, terminal = true) =>
    (await runCli(["check", "ab-ba:buggy", ...argv], { terminal, env })).out.includes("\u001b");
  expect(await colored([])).toBe(true);
  expect(await colored([], {}, false)).toBe(false);
  expect(await colored([], { NO_COLOR: "1" })).toBe(false);
  expect(await colored([], { TERM: "dumb" })).toBe(false);
  expect(await colored(["--no-color"])).toBe(false);
});

test.each([
  [["chekc"], 'MF0101: There is no command "chekc" (did you mean "check"?).'],
  [["check", "ab-bb"], 'MF0105: There is no case "ab-bb" (did you mean "ab-ba"?).'],
  [["check", "ab-ba:bugy"], 'MF0106: The case ab-ba has no variant "bugy" (did you mean "buggy"?).'],
  [["atlas", "self"], 'MF0105: There is no case "self" (did you mean "self-lock"?).'],
  [["check", "--sed", "1", "ab-ba"], 'MF0102: There is no option --sed (did you mean "--seed"?).'],
  [["check", "--seed", "x", "ab-ba"], 'MF0103: The option --seed wants a whole number from 0 to 4294967295, not "x".'],
  [["check"], "MF0102: check wants a case or a file."],
  [["check", "--list", "ab-ba"], "MF0102: The command check has no option --list."],
  [["check", "."], "MF0104: The file . cannot be read (it is a directory)."],
  [["check", "no/such.ts"], "MF0104: The file no/such.ts cannot be read (it does not exist)."],
  [["check", "README.md"], 'MF0105: There is no case "README.md".'],
  [["check", "./README.md"], "MF0104: The file ./README.md cannot be read (its name does not end in"],
  [["replay", "ab-ba:buggy", "1-zz"], 'MF0401: The schedule "1-zz" is malformed'],
  [["replay", "ab-ba", "1-a-0000"], "MF0102: replay wants one of the variants buggy, fixed (CASE:VARIANT)."],
  [["replay", "ab-ba:buggy"], "MF0102: replay wants a schedule after the case."],
])("%j", async (argv, message) => {
  const { code, out, err } = await runCli(argv);
  expect(err.slice(0, message.length)).toBe(message);
  expect(err).toMatch(NUMBERED);
  expect([code, out]).toEqual([2, ""]);
});

test("on a terminal the number of an error is a link to its page", async () => {
  const plain = "MF0105: There is no case";
  const { err } = await runCli(["check", "nothing"], { terminal: true });
  expect(err.replaceAll("\u001b", "ESC")).toMatch(
    /^ESC\]8;;file:\/\/\/.*\/docs\/errors\.md#mf0105ESC\\MF0105ESC\]8;;ESC\\: There is no case/,
  );
  expect((await runCli(["check", "nothing"], { terminal: true, env: { NO_COLOR: "1" } })).err).toContain(plain);
  expect((await runCli(["check", "nothing"])).err).toContain(plain);
});

test("a stack is shown with --debug, and only then", async () => {
  const engines: Engines = {
    ...smallEngines,
    check: () => Promise.reject(new RangeError("boom\n    at x")),
  };
  const plain = await runCli(["check", "ab-ba:fixed"], { engines });
  expect(plain.code).toBe(2);
  expect(plain.err).toBe(
    "MF0109: Mayfail itself failed: boom. Run the command again with --debug and report what it prints.\n",
  );
  const debug = await runCli(["check", "ab-ba:fixed", "--debug"], { engines });
  expect(debug.err).toContain("RangeError: boom");
});

test("mistakes in a set-up are the author's: numbered, with the message", async () => {
  const broken = (setup: () => void) => defineCase({ id: "broken", title: "", variants: { v: {} }, setup });
  const run = (setup: () => void) =>
    runCli(["check", "broken"], { engines: { ...smallEngines, atlas: async () => [broken(setup)] } });
  const thrown = await run(() => {
    throw new TypeError("m.spwan is not a function");
  });
  expect(thrown.err).toBe(
    "MF0112: The set-up of broken:v failed: m.spwan is not a function. Mend the set-up function of the case; --debug shows the stack.\n",
  );
  const numbered = await run(() => {
    throw mayfailError("MF0209", { what: "a mutex" });
  });
  expect(numbered.err).toMatch(/^MF0209: a mutex/);
  expect(mayfailError("MF0209", { what: "a mutex" })).toBeInstanceOf(MayfailError);
});
