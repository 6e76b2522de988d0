/** The documents are executed: README.md, ARCHITECTURE.md, HACKING.md and docs/; how they say it: docs.testkit.ts. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { expect, test } from "vitest";
import { filesBelow, root } from "../scripts/project.mjs";
import { examplesOf, patternOf, printed } from "./docs.testkit.ts";

const pages = ["README.md", "ARCHITECTURE.md", "HACKING.md", ...filesBelow("docs", (path) => path.endsWith(".md"))];
const textOf = (page: string) => readFileSync(join(root, page), "utf8");

/** Executed in a folder of its own, with what its reader changes: cli/package.test.ts. */
const TUTORIAL = "docs/tutorial.md";

test("the reader of examples finds commands, outputs and exit codes", () => {
  const text = "x\n```console\n$ mayfail a\none …\n…\n[exit 1]\n$ mayfail b\ntwo\n```\n```sh\n$ no\n```\n";
  expect(examplesOf(text)).toEqual([
    { command: "mayfail a", expected: "one …\n…", exitCode: 1 },
    { command: "mayfail b", expected: "two", exitCode: 0 },
  ]);
  expect("one (1)\nmore\nlast\n").toMatch(patternOf("one (…)\n…\nlast"));
  expect("one (1)\nmore\nlast\nand more\n").not.toMatch(patternOf("one (…)\n…\nlast"));
});

const examples = pages
  .filter((page) => page !== TUTORIAL)
  .flatMap((page) => examplesOf(textOf(page)).map((run) => ({ page, ...run })));
for (const { page, command, expected, exitCode } of examples) {
  test(`${page}: ${command}`, () => {
    const [program, ...words] = command.replace(/^npx /, "").split(/\s+/);
    expect(program, "only mayfail is run").toBe("mayfail");
    const args = [join(root, "bin/mayfail.mjs"), ...words.map((word) => word.replace(/^(["'])(.*)\1$/, "$2"))];
    const result = spawnSync(process.execPath, args, {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    expect(printed(result.stdout)).toMatch(patternOf(expected));
    expect(result.status).toBe(exitCode);
  });
}

test("links lead to files that exist", () => {
  const dead = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)]
      .map((match) => posix.join(posix.dirname(page), match[1] ?? ""))
      .filter((target) => !existsSync(join(root, target)))
      .map((target) => `${page}: ${target}`),
  );
  expect(dead).toEqual([]);
});

test("every `npm run` of the documents is a script", () => {
  const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
  const named = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\bnpm run ([\w:-]+)/g)].map((match) => match[1] ?? ""),
  );
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
});
