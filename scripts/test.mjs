// npm test and .ci/run: everything that must hold, from a bare clone. The last line is `N passed, N failed`, alone.
// Type check and lint count as one test each; the rest is what Vitest counts.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBuilt, ensurePackages } from "./ensure.mjs";
import { root } from "./project.mjs";

let passed = 0;
let failed = 0;

function run(title, file, ...args) {
  process.stdout.write(`\n== ${title}\n`);
  return (
    spawnSync(process.execPath, [join(root, file), ...args], { cwd: root, stdio: ["ignore", "inherit", "inherit"] })
      .status === 0
  );
}

function check(title, file, ...args) {
  if (run(title, file, ...args)) passed++;
  else failed++;
}

try {
  ensurePackages();
} catch (error) {
  process.stdout.write(`${error.message}\n\n0 passed, 1 failed\n`);
  process.exit(1);
}
check("types", "node_modules/typescript/bin/tsc", "--noEmit");
check("lint", "node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", ".");
try {
  await ensureBuilt();
} catch (error) {
  process.stdout.write(`${error.message}\n`);
  failed++;
}
const folder = mkdtempSync(join(tmpdir(), "mayfail-test-"));
try {
  const report = join(folder, "vitest.json");
  const ok = run(
    "tests",
    "node_modules/vitest/vitest.mjs",
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  );
  const counted = existsSync(report)
    ? JSON.parse(readFileSync(report, "utf8"))
    : { numPassedTests: 0, numFailedTests: 0 };
  passed += counted.numPassedTests;
  // A file that cannot be loaded, or an error outside of any test, is a failure too although no test is counted for it.
  failed += ok ? counted.numFailedTests : Math.max(1, counted.numFailedTests);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
