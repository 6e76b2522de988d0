/**
 * The documents are executed. In README.md, ARCHITECTURE.md, HACKING.md and docs/:
 *
 *   ```console                          every `$ mayfail …` is run, and prints what stands below it on stdout;
 *   $ mayfail check CASE                `…` stands for any text within a line, a line `…` for any lines,
 *   deadlock: …                         and a last line `[exit 1]` for the exit code (without it: 0)
 *   [exit 1]
 *   ```
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { expect, test } from "vitest";
import { filesBelow, root } from "../scripts/project.mjs";

const pages = ["README.md", "ARCHITECTURE.md", "HACKING.md", ...filesBelow("docs", (path) => path.endsWith(".md"))];
const textOf = (page: string) => readFileSync(join(root, page), "utf8");

interface Example {
  readonly page: string;
  readonly command: string;
  readonly expected: string;
  readonly exitCode: number;
}

function examplesOf(page: string, text: string): Example[] {
  const blocks = [...text.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "");
  return blocks.flatMap((block) =>
    [...block.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command = "", output = ""]) => {
      const exit = /^\[exit (\d+)\]\n$/m.exec(output);
      return { page, command, expected: output.slice(0, exit?.index).trimEnd(), exitCode: Number(exit?.[1] ?? 0) };
    }),
  );
}

function patternOf(expected: string): RegExp {
  const lines = expected.split("\n").map((line) => {
    if (line.trim() === "…") return "(?:.*\n)*?";
    return `${line
      .split("…")
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*")}\n`;
  });
  return new RegExp(`^${lines.join("")}$`);
}

test("the reader of examples finds commands, outputs and exit codes", () => {
  const text = "x\n```console\n$ mayfail a\none …\n…\n[exit 1]\n$ mayfail b\ntwo\n```\n```sh\n$ no\n```\n";
  expect(examplesOf("p", text)).toEqual([
    { page: "p", command: "mayfail a", expected: "one …\n…", exitCode: 1 },
    { page: "p", command: "mayfail b", expected: "two", exitCode: 0 },
  ]);
  expect("one (1)\nmore\nlast\n").toMatch(patternOf("one (…)\n…\nlast"));
  expect("one (1)\nmore\nlast\nand more\n").not.toMatch(patternOf("one (…)\n…\nlast"));
});

for (const { page, command, expected, exitCode } of pages.flatMap((page) => examplesOf(page, textOf(page)))) {
  test(`${page}: ${command}`, () => {
    const [program, ...words] = command.replace(/^npx /, "").split(/\s+/);
    expect(program, "only mayfail is run").toBe("mayfail");
    const args = [join(root, "bin/mayfail.mjs"), ...words.map((word) => word.replace(/^(["'])(.*)\1$/, "$2"))];
    const result = spawnSync(process.execPath, args, {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    expect(`${result.stdout.replace(/[ \t]+$/gm, "").trimEnd()}\n`).toMatch(patternOf(expected));
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
