/**
 * A real browser for tests: CHROMIUM_PATH if it is set, else /usr/bin/chromium, else the one of the package
 * @sparticuz/chromium. That one is a compressed file: it is unpacked into a temporary folder, which goes away with the
 * browser. Where no browser can be had, `launchChromium` says so: a test that needs one fails, it is never skipped.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Browser, chromium } from "playwright-core";
import { root } from "../../scripts/project.mjs";

const run = promisify(execFile);

/** Those of the package run all in one process and switch the isolation of pages off, so they are not used. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];
const SYSTEM_CHROMIUM = "/usr/bin/chromium";
const REMEDY =
  "Set CHROMIUM_PATH to the program file of a Chromium or Chrome, or install a package that brings /usr/bin/chromium.";

interface Program {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface LaunchedBrowser {
  readonly browser: Browser;
  /** Ends it and removes its files. */
  readonly close: () => Promise<void>;
}

/** Starts the first browser that works. Raises an Error of one sentence and its remedy when there is none. */
export async function launchChromium(): Promise<LaunchedBrowser> {
  const folder = mkdtempSync(join(tmpdir(), "mayfail-chromium-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const { path, env } = await findProgram(folder);
    const browser = await chromium.launch({ executablePath: path, args: FLAGS, env: { ...env, TMPDIR: folder } });
    const close = async (): Promise<void> => {
      await browser.close().finally(remove);
    };
    return { browser, close };
  } catch (error) {
    remove();
    throw error;
  }
}

async function findProgram(folder: string): Promise<Program> {
  const wanted = process.env["CHROMIUM_PATH"];
  if (wanted) {
    const problem = await problemOf({ path: wanted, env: process.env });
    if (problem === null) return { path: wanted, env: process.env };
    throw new Error(`CHROMIUM_PATH names ${wanted}, which does not run (${problem}). ${REMEDY}`);
  }
  if (existsSync(SYSTEM_CHROMIUM)) {
    const system = { path: SYSTEM_CHROMIUM, env: process.env };
    if ((await problemOf(system)) === null) return system;
  }
  return unpackedProgram(folder);
}

/** The browser of the package, with its own copies of system libraries only where the system lacks them. */
async function unpackedProgram(folder: string): Promise<Program> {
  const none = (why: string): Error => new Error(`There is no browser to test with: ${why}. ${REMEDY}`);
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw none(`the one from npm is for Linux on x64, and this is ${process.platform} on ${process.arch}`);
  }
  // The package unpacks where TMPDIR says, and its libraries only where it believes to be at its usual host.
  const script = 'const { default: c } = await import("@sparticuz/chromium"); console.log(await c.executablePath());';
  const hostEnv = { ...process.env, TMPDIR: folder, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs20.x" };
  const path = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: root, env: hostEnv }).then(
    ({ stdout }) => stdout.trim(),
    (error: Error) => {
      throw none(`the one from npm could not be unpacked into ${folder} (${reasonIn(error.message)})`);
    },
  );
  const plain = { path, env: process.env };
  if ((await problemOf(plain)) === null) return plain;
  const libraries = [join(folder, "al2023", "lib"), process.env["LD_LIBRARY_PATH"]].filter(Boolean).join(":");
  const helped = { path, env: { ...process.env, LD_LIBRARY_PATH: libraries } };
  const problem = await problemOf(helped);
  if (problem !== null) throw none(`the one from npm does not run (${problem})`);
  return helped;
}

/** Null when the program can say its version: then all its libraries are there. */
async function problemOf({ path, env }: Program): Promise<string | null> {
  return run(path, ["--version", "--no-sandbox"], { env, timeout: 20_000 }).then(
    () => null,
    (error: Error) => reasonIn(error.message),
  );
}

/** The line of a failed command's output that says most. */
function reasonIn(text: string): string {
  const lines = text.trim().split("\n");
  return (lines.find((line) => /^\w*Error\b|\berror\b/.test(line)) ?? lines.at(-1) ?? "").trim();
}
