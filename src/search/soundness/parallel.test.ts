import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root, taskModules } from "../../../scripts/project.mjs";
import type { ParallelOutcome } from "./parallelEntry.testkit.ts";
import { variantNames } from "./randomCases.testkit.ts";

/** Of each mix; a program takes four worker threads or more, so there are few. */
const PROGRAMS = 4;

type Compare = (variant: string, workerUrl: string, casesUrl: string) => Promise<ParallelOutcome | null>;

/** Compiles task code as for every other test; null for other modules. */
const { transform } = taskModules() as unknown as {
  transform(code: string, path: string): Promise<{ readonly code: string } | null>;
};

let folder = "";
let compare: Compare;
const urlOf = (name: string) => pathToFileURL(join(folder, `${name}.mjs`)).href;

beforeAll(async () => {
  mkdirSync(join(root, ".cache"), { recursive: true });
  folder = mkdtempSync(join(root, ".cache", "parallel-"));
  await build({
    absWorkingDir: root,
    entryPoints: {
      entry: "src/search/soundness/parallelEntry.testkit.ts",
      cases: "src/search/soundness/randomCases.testkit.ts",
      worker: "src/search/parallel/worker.ts",
    },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    logLevel: "error",
    plugins: [
      {
        name: "task code",
        setup(b) {
          b.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
            const compiled = await transform(readFileSync(path, "utf8"), path);
            return compiled ? { contents: compiled.code, loader: "js" } : undefined;
          });
        },
      },
    ],
  });
  ({ compareParallel: compare } = (await import(/* @vite-ignore */ urlOf("entry"))) as { compareParallel: Compare });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("parallel search: the oracle's verdicts, and totals that do not depend on the number of workers", async () => {
  const verdicts = new Set<string>();
  const differences: string[] = [];
  let compared = 0;
  for (const variant of variantNames(PROGRAMS)) {
    const outcome = await compare(variant, urlOf("worker"), urlOf("cases"));
    if (!outcome) continue;
    compared++;
    verdicts.add(outcome.verdict);
    differences.push(...outcome.differences);
  }
  expect(differences).toEqual([]);
  expect(compared).toBeGreaterThan(30);
  expect([...verdicts]).toEqual(expect.arrayContaining(["ok", "deadlock", "assertion"]));
});
