/**
 * `node --test`: every version of the driver breaks the rules of the contract that it says it breaks, and no other; every variant
 * of the case ends as it expects. What is shipped should say `breaks` of nothing.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));
const bin = join(dirname(createRequire(import.meta.url).resolve("mayfail/package.json")), "bin/mayfail.mjs");

/** What `mayfail WORDS --json` says: one document for each variant. */
function mayfail(...words) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...words, "--json"], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.ok(status === 0 || status === 1, `exit code ${status}: ${stderr}`); // 1 = some rule is broken
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test("the contract: no rule is broken but those that the driver names", () => {
  for (const { variant, breaks, rules } of mayfail("check", "--driver", "skeleton.ts")) {
    const broken = rules.filter((rule) => rule.standing === "broken").map((rule) => rule.rule);
    assert.deepEqual(broken, breaks ?? [], `${variant}: npx mayfail check --driver skeleton.ts:${variant} shows more`);
  }
});

test("the case: each variant ends as it expects", () => {
  for (const { variant, verdict, expected } of mayfail("check", "skeleton.case.ts")) {
    assert.equal(verdict, expected, `${variant}: npx mayfail check skeleton.case.ts:${variant} shows the run`);
  }
});
