/** docs/user.md says what `mayfail/user` has; the workloads in the documents do what the kernel did. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { filesBelow, root } from "../scripts/project.mjs";
import * as user from "./mm/user/api.ts";

const textOf = (page: string) => readFileSync(join(root, page), "utf8");
const page = textOf("docs/user.md");

/** Names of functions with the names of their parameters, from the sources. */
const signatures = new Map(
  filesBelow("src/mm/user", (path) => path.endsWith(".ts") && !path.includes(".test")).flatMap((path) =>
    [...textOf(path).matchAll(/^export (?:function\*?|const) (\w+)(?: = )?\(([^)]*)\)/gm)].map(
      ([, name = "", parameters = ""]) =>
        [name, [...parameters.matchAll(/(\w+):/g)].map((each) => each[1]).join(", ")] as const,
    ),
  ),
);

test("every call is documented with its parameters", () => {
  const calls = Object.entries(user).flatMap(([name, value]) => (typeof value === "function" ? [name] : []));
  expect(calls.length).toBeGreaterThan(60);
  expect(calls.filter((name) => !page.includes(`\`${name}(${signatures.get(name)})\``))).toEqual([]);
});

test("⏎ stands at calls that are task code, and only there", () => {
  const source = filesBelow("src/mm/user", (path) => path.endsWith(".ts"))
    .map(textOf)
    .join("\n");
  const wrong = [...signatures].filter(([name, parameters]) => {
    const call = `\`${name}(${parameters})\``;
    const isTask = new RegExp(`^export function\\*? ${name}\\([^{]*\\): Task`, "m").test(source);
    return page.includes(call) && page.includes(`${call} ⏎`) !== isTask;
  });
  expect(wrong).toEqual([]);
});

test("every constant is named, or belongs to a family that is", () => {
  const families = /^(PROT|MAP|MADV|MREMAP|MS|MCL|MPOL)_/;
  const constants = Object.entries(user).flatMap(([name, value]) => (typeof value === "number" ? [name] : []));
  expect(constants.filter((name) => !families.test(name) && !new RegExp(`\\b${name}\\b`).test(page))).toEqual([]);
});

test("nothing is documented that does not exist", () => {
  const named = [...page.matchAll(/^\|.*$/gm)].flatMap(([row]) =>
    [...row.matchAll(/`(\w+)\(/g)].map((each) => each[1]),
  );
  expect(named.filter((name) => !(`${name}` in user))).toEqual([]);
});

for (const where of ["docs/user.md", "conformance/README.md"]) {
  test(`the workload of ${where} matches the record of its name`, () => {
    const source = [...textOf(where).matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "")[0] ?? "";
    const camel = /export default function\* (\w+)/.exec(source)?.[1] ?? "";
    const name = camel.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const folder = mkdtempSync(join(tmpdir(), "mayfail-docs-"));
    try {
      for (const sub of ["workloads", "golden"]) mkdirSync(join(folder, sub));
      writeFileSync(join(folder, "workloads", `${name}.ts`), source);
      copyFileSync(join(root, "conformance/golden/notifier", `${name}.jsonl`), join(folder, "golden", `${name}.jsonl`));
      const args = ["conform", name, "--workloads", join(folder, "workloads"), "--golden", join(folder, "golden")];
      const result = spawnSync(process.execPath, [join(root, "bin/mayfail.mjs"), ...args], { encoding: "utf8" });
      expect(result.stdout).toContain("1 of 1 match.");
      expect(result.status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
