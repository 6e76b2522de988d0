/** The command line as a child process: what only a process of its own can show. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../scripts/project.mjs";

export const bin = join(root, "bin/mayfail.mjs");

export interface ProcessResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Makes dist/ what the sources say: any command line of a checkout does. */
export function built(): void {
  const r = spawnSync(process.execPath, [bin, "--version"], { encoding: "utf8" });
  if (r.status !== 0) throw new Error(r.stderr);
}

export function mayfail(args: readonly string[], cwd = root): ProcessResult {
  const r = spawnSync(process.execPath, [bin, ...args], { cwd, encoding: "utf8", timeout: 45_000 });
  return { code: r.status, out: r.stdout, err: r.stderr };
}

/** Starts it, and calls `onOutput` whenever it has printed something. */
export function mayfailRunning(
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
