/** The command line as a child process: what only a process of its own can show. */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../scripts/project.mjs";

export interface ProcessResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/**
 * A copy of what would be published, as the sources say it is now; child processes run it. It has no scripts, so it builds
 * nothing, and nobody else changes it.
 */
export function publishedCopy(): { readonly bin: string; readonly remove: () => void } {
  const built = spawnSync(process.execPath, [join(root, "bin/mayfail.mjs"), "--version"], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(built.stderr);
  const folder = mkdtempSync(join(tmpdir(), "mayfail-copy-"));
  for (const part of ["bin", "dist", "package.json"]) cpSync(join(root, part), join(folder, part), { recursive: true });
  return { bin: join(folder, "bin/mayfail.mjs"), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export function mayfail(bin: string, args: readonly string[], cwd: string): ProcessResult {
  const r = spawnSync(process.execPath, [bin, ...args], { cwd, encoding: "utf8", timeout: 45_000 });
  return { code: r.status, out: r.stdout, err: r.stderr };
}

/** Starts it; `during` may do something to the process while it runs. */
export function mayfailRunning(
  bin: string,
  args: readonly string[],
  cwd: string,
  during: (child: ReturnType<typeof spawn>) => void,
): Promise<ProcessResult> {
  const child = spawn(process.execPath, [bin, ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  during(child);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

/** A folder of files that goes away with `remove`. */
export function folderWith(files: Readonly<Record<string, string | Buffer>>): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "mayfail-process-"));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
