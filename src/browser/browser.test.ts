/** User files in a worker of a real browser: compiled and checked there, with the results that Node has for them. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { root } from "../../scripts/project.mjs";
import { folderWith, mayfail, publishedCopy } from "../cli/process.testkit.ts";
import type { CheckJson } from "../report/json.ts";
import { type LaunchedBrowser, launchChromium } from "./chromium.testkit.ts";
import { type Bundle, bundleForBrowser, type PageServer, servePage } from "./page.testkit.ts";
import type { BrowserAnswer, BrowserJob, CheckedVariant } from "./worker.testkit.ts";

const example = (name: string): string => readFileSync(join(root, "docs/examples", name), "utf8");

/** Source text whose lines begin behind a bar. */
const margin = (text: string): string => text.replace(/^ *\|/gm, "");

/** Large enough to measure, and of two files. */
const TABLE = {
  "table.ts": margin(`
    |import { defineCase } from "mayfail";
    |import { dine, Fork } from "./fork.ts";
    |
    |export default defineCase({
    |  id: "table",
    |  title: "philosophers who do, or do not, take the lower fork first",
    |  variants: { ordered: { ordered: true }, greedy: { ordered: false } },
    |  setup(m, { ordered }) {
    |    const n = 9;
    |    const forks = Array.from({ length: n }, (_, i) => Fork.create(\`fork\${i}\`));
    |    for (let i = 0; i < n; i++) {
    |      const [first, second] = [i, (i + 1) % n].sort((a, b) => (ordered ? a - b : 0));
    |      m.spawn(\`philosopher\${i}\`, dine, [forks[first], forks[second]]);
    |    }
    |  },
    |});`),
  "fork.ts": margin(`
    |import { int, lock, mutexField, struct, type Task, unlock } from "mayfail";
    |
    |export const Fork = struct("Fork", { lock: mutexField(), meals: int({ guardedBy: "lock" }) });
    |export type Fork = ReturnType<typeof Fork.create>;
    |
    |export function* dine(first: Fork, second: Fork): Task {
    |  yield* lock(first.lock);
    |  yield* lock(second.lock);
    |  first.meals++;
    |  second.meals++;
    |  yield* unlock(second.lock);
    |  yield* unlock(first.lock);
    |}`),
};

let copy: ReturnType<typeof publishedCopy>;
let bundle: Bundle;
let server: PageServer;
let launched: LaunchedBrowser;
let page: Page;
const figures: string[] = [];

beforeAll(async () => {
  copy = publishedCopy();
  bundle = await bundleForBrowser(join(dirname(dirname(copy.bin)), "dist"));
  server = await servePage(bundle);
  launched = await launchChromium();
  page = await launched.browser.newPage({ locale: "en-US" });
  await page.goto(server.origin);
}, 120_000);

afterAll(async () => {
  await launched?.close();
  server?.close();
  copy?.remove();
  if (figures.length > 0) process.stdout.write(`${figures.join("\n")}\n`);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

function inBrowser(files: Readonly<Record<string, string>>, entry: string): Promise<BrowserAnswer> {
  const { origin } = server;
  const packages = { mayfail: `${origin}/index.js`, "mayfail/runtime": `${origin}/runtime.js` };
  const job: BrowserJob = { entry, files, packages };
  return page.evaluate(`ask(${JSON.stringify(job)})`);
}

async function checkedInBrowser(files: Readonly<Record<string, string>>, entry: string): Promise<CheckedVariant[]> {
  const answer = await inBrowser(files, entry);
  if (answer.kind !== "checked") throw new Error(`the browser says: ${answer.message}`);
  return [...answer.variants];
}

/** What `mayfail check --json` says of the same files. */
function checkedInNode(files: Readonly<Record<string, string>>, entry: string): CheckedVariant[] {
  const folder = folderWith(files);
  try {
    const { out, err } = mayfail(copy.bin, ["check", entry, "--json"], folder.path);
    if (out === "") throw new Error(err);
    return out
      .trim()
      .split("\n")
      .map((line) => asChecked(JSON.parse(line) as CheckJson));
  } finally {
    folder.remove();
  }
}

function asChecked(json: CheckJson): CheckedVariant {
  const { variant, verdict, complete, states, transitions, engine, lockdep, counterexample, seconds } = json;
  return {
    variant,
    verdict,
    complete,
    states,
    transitions,
    engine,
    lockdep,
    counterexample: counterexample && {
      schedule: counterexample.schedule,
      message: counterexample.message,
      trace: counterexample.trace.map(({ file, line, text }) => ({ file, line, text })),
    },
    seconds,
  };
}

const withoutSeconds = (variants: readonly CheckedVariant[]) => variants.map(({ seconds: _, ...rest }) => rest);

/** Speed is told, not tested; the seconds of a broken rule are spent on the smallest counterexample, and tell nothing. */
function tellSpeed(entry: string, node: readonly CheckedVariant[], browser: readonly CheckedVariant[]): void {
  const rate = (v: CheckedVariant): string => `${Math.round(v.transitions / v.seconds / 1000)}k transitions/s`;
  node.forEach((n, i) => {
    const b = browser[i];
    if (!b || n.verdict !== "ok") return;
    figures.push(
      `${entry}:${n.variant}, ${n.transitions} transitions: Node ${process.versions.node} ${rate(n)}, ` +
        `Chromium ${launched.browser.version()} ${rate(b)}`,
    );
  });
}

interface Example {
  readonly entry: string;
  readonly files: Readonly<Record<string, string>>;
  readonly verdicts: readonly string[];
  /** At least so many states are seen in one of the variants. */
  readonly states: number;
}

test.each<Example>([
  { entry: "mirror.ts", files: { "mirror.ts": example("mirror.ts") }, verdicts: ["deadlock", "ok"], states: 5 },
  { entry: "userptr.ts", files: { "userptr.ts": example("userptr.ts") }, verdicts: ["deadlock", "ok"], states: 10 },
  { entry: "table.ts", files: TABLE, verdicts: ["ok", "deadlock"], states: 5_000 },
])("$entry has the same verdicts, figures and schedules in a browser", async ({ entry, files, verdicts, states }) => {
  const browser = await checkedInBrowser(files, entry);
  const node = checkedInNode(files, entry);
  expect(withoutSeconds(browser)).toEqual(withoutSeconds(node));
  expect(browser.map((v) => v.verdict)).toEqual(verdicts);
  for (const v of browser) {
    expect(v.complete).toBe(true);
    expect(v.counterexample === null).toBe(v.verdict === "ok");
    if (v.counterexample) expect(v.counterexample.schedule).toMatch(/^1.*-.+-\w{4}$/);
  }
  expect(Math.max(...browser.map((v) => v.states))).toBeGreaterThanOrEqual(states);
  tellSpeed(entry, node, browser);
});

test("mistakes in user files are numbered errors with their place", async () => {
  const mirror = example("mirror.ts");
  const line = mirror.split("\n").findIndex((text) => text.includes("mirror.valid = false;")) + 1;
  const cut = mirror.replace("mirror.valid = false;", "mirror.valid = = false;");
  expect(await inBrowser({ "mirror.ts": cut }, "mirror.ts")).toMatchObject({
    kind: "refused",
    code: "MF0301",
    where: { file: "mirror.ts", line, column: 18 },
  });

  const plainYield = TABLE["fork.ts"].replace("yield* lock(second.lock)", "yield lock(second.lock)");
  expect(await inBrowser({ ...TABLE, "fork.ts": plainYield }, "table.ts")).toMatchObject({
    kind: "refused",
    code: "MF0302",
    where: { file: "fork.ts", line: 9, column: 3 },
  });

  expect(await inBrowser({ "table.ts": TABLE["table.ts"] }, "table.ts")).toMatchObject({
    kind: "refused",
    code: "MF0319",
    where: { file: "table.ts", line: 3 },
  });
});

test("what a page needs imports nothing of Node", () => {
  const entries = ["index.js", "machine/runtime.js", "compiler/browser.js", "search/check.js", "search/replay.js"];
  const seen = new Set<string>(entries);
  const ofNode: string[] = [];
  const later: string[] = [];
  for (const path of seen) {
    expect(Object.keys(bundle.inputs)).toContain(path);
    for (const each of bundle.inputs[path]?.imports ?? []) {
      if (each.kind === "dynamic-import") later.push(`${path} imports ${each.path}`);
      else if (each.external) ofNode.push(`${path} imports ${each.path}`);
      else seen.add(each.path);
    }
  }
  expect(seen.size).toBeGreaterThan(60);
  expect(ofNode).toEqual([]);
  // Only a search that was asked for several workers comes to this line.
  expect(later).toEqual(["search/check.js imports search/parallel/parallel.js"]);
});

test("a browser that does not run is a failure that says what to do", async () => {
  vi.stubEnv("CHROMIUM_PATH", join(root, "no-such-browser"));
  await expect(launchChromium()).rejects.toThrow(
    /^CHROMIUM_PATH names .*no-such-browser, which does not run \(.*ENOENT\)\. Set CHROMIUM_PATH to /,
  );
});
