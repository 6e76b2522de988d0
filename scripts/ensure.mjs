// Makes a checkout ready to run: packages as the lockfile says, dist/ as the sources say. Does nothing when both are so already.
// Talks on stderr only: stdout belongs to the command that comes after.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./project.mjs";

export function ensurePackages() {
  if (packagesAreCurrent()) return;
  process.stderr.write("mayfail: installing the packages (npm ci) …\n");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const result = spawnSync(npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (result.status !== 0) throw new Error("The packages could not be installed: see the messages of npm above.");
}

/** Compares what npm noted about node_modules with the lockfile; optional packages may be meant for other platforms. */
function packagesAreCurrent() {
  const noted = join(root, "node_modules/.package-lock.json");
  if (!existsSync(noted)) return false;
  const installed = JSON.parse(readFileSync(noted, "utf8")).packages;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  return Object.entries(wanted).every(([path, { version, optional, devOptional }]) => {
    if (path === "") return true;
    if (installed[path] === undefined) return optional === true || devOptional === true;
    return installed[path].version === version;
  });
}

export async function ensureBuilt() {
  ensurePackages();
  const { build, isBuilt } = await import("./dist.mjs");
  if (isBuilt()) return;
  process.stderr.write("mayfail: building dist/ …\n");
  await build();
}
