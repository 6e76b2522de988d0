/** `--rules` and `--driver-variant`: cases under other rules than their own, and what changes against the recorded verdicts. */
import { expect, test } from "vitest";
import { driverHistory } from "../drivers/history.ts";
import { type Case, defineCase } from "../machine/scenario.ts";
import { createKernel } from "../mm/kernel.ts";
import { rules } from "../mm/rules.ts";
import type { AtlasJson, CheckJson } from "../report/json.ts";
import { setUpLocks } from "./cases.testkit.ts";
import { runCli, smallEngines } from "./cli.testkit.ts";

interface Options {
  readonly ordered: boolean;
}
const toy = driverHistory<Options, "old" | "new">("experiment-toy", {
  old: { ordered: false },
  new: { ordered: true },
});

/** Two tasks take two locks; in the same order when the rules, or the driver, see to it. */
const ofRules: Case = defineCase({
  id: "of-rules",
  title: "",
  variants: {
    buggy: { expect: "deadlock", rules: "linux-5.7", inForce: rules("linux-5.7") },
    fixed: { expect: "ok", rules: "linux-6.1", inForce: rules("linux-6.1") },
  },
  setup: (m, { inForce }) => setUpLocks(m, createKernel(m, { frames: 16, rules: inForce }).rules.gupUnshares),
});
const ofDriver: Case = defineCase({
  id: "of-driver",
  title: "",
  variants: { old: { expect: "deadlock", ordered: false }, new: { expect: "ok", ordered: true } },
  setup: (m, { ordered }) => setUpLocks(m, toy.inForce({ ordered }).ordered),
});
const engines = { ...smallEngines, atlas: async () => [ofRules, ofDriver] };
const atlas = async (...argv: string[]) => runCli(["atlas", ...argv], { engines });

test("the atlas under other rules shows what changes, which way, and how to see it", async () => {
  const { out, code } = await atlas("--rules", "linux-5.7");
  expect(code).toBe(1);
  expect(out).toBe(`The atlas with the rules linux-5.7:

  variant  recorded  now
of-rules
  fixed    ok        deadlock

1 of 4 verdicts changes: 1 newly broken.

One of them in full: mayfail check of-rules:fixed --rules linux-5.7
`);
  expect((await atlas("--rules", "gupUnshares=true")).out).toContain("\n1 of 4 verdicts changes: 1 mended.\n");
});

test("and with other drivers", async () => {
  const { out, code } = await atlas("--driver-variant", "experiment-toy=old");
  expect(code).toBe(1);
  expect(out).toContain("of-driver\n  new      ok        deadlock\n");
  expect((await atlas("--driver-variant", "experiment-toy.ordered=true", "--rules", "linux-6.1")).out).toContain(
    "\n2 of 4 verdicts change: 2 mended.\n",
  );
});

test("nothing changes: exit code 0", async () => {
  const { out, code } = await atlas("--rules", "cowReuse=mapcount");
  expect([code, out.split("\n").at(-2)]).toEqual([0, "0 of 4 verdicts change."]);
});

test("--json and Markdown have the changes, too", async () => {
  const json = JSON.parse((await atlas("--rules", "linux-6.1", "--json")).out) as AtlasJson;
  expect(json).toMatchObject({ rules: "linux-6.1", driverVariant: null, asExpected: 3, total: 4 });
  expect(json.changed).toEqual([{ id: "of-rules", variant: "buggy", recorded: "deadlock", now: "ok", complete: true }]);
  const md = (await atlas("--rules", "linux-6.1", "--format", "md")).out;
  expect(md).toContain("| `of-rules` | `buggy` | deadlock | **ok** |");
});

test("check and replay take the same options, and a report ends with a replay command that has them", async () => {
  const words = ["--rules", "linux-5.7,cowReuse=refcount"];
  const { out, code } = await runCli(["check", "of-rules:fixed", ...words], { engines });
  expect(code).toBe(1);
  const command = /^ {2}mayfail (replay .*)$/m.exec(out)?.[1] ?? "";
  expect(command).toContain(words.join(" "));
  const again = await runCli([...command.split(" "), "--json"], { engines });
  expect(JSON.parse(again.out) as CheckJson).toMatchObject({
    verdict: "deadlock",
    rules: "linux-5.7 with cowReuse=refcount",
  });
  const plain = await runCli(["replay", "of-rules:fixed", command.split(" ").at(-1) ?? ""], { engines });
  expect(plain.out).not.toContain("deadlock:");
});

test.each([
  [["--rules", "linux-1.0"], "MF0501"],
  [["--rules", "x=1"], "MF0503"],
  [["--driver-variant", "toy"], "MF0505"],
  [["--format", "html"], "MF0102"],
  [["--output", "no/such/folder/x.md"], "MF0119"],
])("%j is bad input", async (argv, code) => {
  const ran = await atlas(...argv);
  expect([ran.code, ran.err.slice(0, 6)]).toEqual([2, code]);
});
