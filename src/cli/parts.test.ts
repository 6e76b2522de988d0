/** The small parts of the command line. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { mayfailError } from "../errors.ts";
import { exitCodeOf } from "./context.ts";
import { OPTIONS, parseArguments } from "./options.ts";
import { firstLine, fromPlain, internal, toPlain } from "./plainError.ts";
import { ProgressLine } from "./progress.ts";
import { originalPlace } from "./sourcePlace.ts";
import { distance, hint, nearest } from "./suggest.ts";
import { parseTarget } from "./target.ts";

test("the nearest name: a slip, a beginning, a word of a long name, and nothing when nothing is near", () => {
  const known = ["gup-reclaim-recursive-wait", "interval-remove-early-return", "check", "atlas"];
  expect(nearest("chekc", known)).toBe("check");
  expect(nearest("ATLAS", known)).toBe("atlas");
  expect(nearest("gup-rec", known)).toBe("gup-reclaim-recursive-wait");
  expect(nearest("early", known)).toBe("interval-remove-early-return");
  expect(nearest("xyzzy", known)).toBeNull();
  expect(hint("xyzzy", known)).toBe("");
});

test("the distance is a metric, and a slip of two neighbours counts once", () => {
  const word = fc.string({ maxLength: 8, unit: fc.constantFrom("a", "b", "c") });
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(distance(a, b)).toBe(distance(b, a));
      expect(distance(a, b) === 0).toBe(a === b);
      expect(distance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
    { seed: 3 },
  );
  expect(distance("chekc", "check")).toBe(1);
});

test("options: any order, both ways to give a value, and what follows -- is no option", () => {
  const { words, options } = parseArguments([
    "--seed=7",
    "check",
    "--max-seconds",
    ".5",
    "x",
    "--no-color",
    "--",
    "--json",
  ]);
  expect(words).toEqual(["check", "x", "--json"]);
  expect(options).toEqual({ seed: 7, maxSeconds: 0.5, color: false });
  expect(parseArguments(["-h", "-V"]).options).toEqual({ help: true, version: true });
});

test("every option is described, and no two have the same flag", () => {
  const flags = Object.values(OPTIONS).map((o) => o.flag);
  expect(new Set(flags).size).toBe(flags.length);
  for (const { about } of Object.values(OPTIONS)) expect(about).toMatch(/^\S.*[^.]$/);
});

test("targets: cases by name, files by their look", () => {
  expect(parseTarget("ab-ba", "check")).toEqual({ kind: "atlas", id: "ab-ba", variant: null });
  expect(parseTarget("ab-ba:x:y", "check")).toEqual({ kind: "atlas", id: "ab-ba:x", variant: "y" });
  expect(parseTarget("vitest.config.ts", "check")).toEqual({ kind: "file", path: "vitest.config.ts", variant: null });
  expect(parseTarget("./vitest.config.ts:v", "check")).toEqual({
    kind: "file",
    path: "./vitest.config.ts",
    variant: "v",
  });
});

test("exit codes: the worst of all", () => {
  const [bad, good, open] = [
    { verdict: "leak", complete: true },
    { verdict: "ok", complete: true },
    { verdict: "ok", complete: false },
  ];
  expect(exitCodeOf([good, open, bad])).toBe(1);
  expect(exitCodeOf([good, open])).toBe(3);
  expect(exitCodeOf([good])).toBe(0);
});

test("errors cross threads: number, sentences and place stay", () => {
  const error = mayfailError("MF0306", { task: "t" }, { file: "a.ts", line: 3, column: 7 });
  const copy = fromPlain(structuredClone(toPlain(error)));
  expect(copy.message).toBe(error.message);
  expect(copy.where).toEqual(error.where);
  expect(internal(new TypeError("x is not\na function")).message).toMatch(
    /^MF0109: Mayfail itself failed: x is not\. /,
  );
  expect(
    firstLine({
      toString: () => {
        throw 1;
      },
    }),
  ).toBe("something that cannot be printed was thrown");
});

test("progress is one line on a terminal, shows nothing at once, and is gone in the end", () => {
  let err = "";
  const io = {
    out: () => true,
    err: (text: string) => {
      err += text;
    },
    outIsTerminal: true,
    errIsTerminal: true,
    columns: 40,
    cores: 1,
    env: {},
    onInterrupt: () => () => undefined,
    openSession: () => Promise.reject(new Error("none")),
  };
  const line = new ProgressLine(io);
  line.show({ phase: "searching", states: 1, transitions: 2 });
  line.clear();
  expect(err).toBe("");
  const late = new ProgressLine(io, -10_000);
  late.subject = "a-very-long-name-of-a-case:and-its-variant";
  late.show({ phase: "searching", states: 1234567, transitions: 2 });
  expect(err.slice(0, 4)).toBe("\r\u001b[K");
  expect(err.slice(4)).toMatch(/^a-very-long.{9,28}$/);
  late.clear();
  expect(err.endsWith("\r\u001b[K")).toBe(true);
});

test("a place in code that runs becomes the place in the author's file", () => {
  // One segment: line 1, column 0 of the output is line 3, column 2 of the source.
  const map = { version: 3, sources: ["a.ts"], names: [], mappings: "AAEE" };
  const sourceMapURL = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString("base64")}`;
  expect(originalPlace({ url: "file:///x/a.js", sourceMapURL }, 0, 5)).toEqual({ file: "/x/a.ts", line: 3, column: 3 });
  const broken = { url: "file:///x/a.js", sourceMapURL: "data:application/json;base64,!!" };
  expect(originalPlace(broken, 4, 1)).toEqual({ file: "/x/a.js", line: 5, column: 2 });
});
