/** The table of the atlas in README.md is what the command prints; `npm run docs` writes it there. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../scripts/project.mjs";

const BEGIN = "<!-- atlas: written by npm run docs -->\n";
const END = "<!-- /atlas -->\n";
/** The whole atlas has five minutes on two cores, and a busy machine is no reason to fail. */
const TIMEOUT_MS = 900_000;

test(
  "README.md has the table of the atlas",
  async () => {
    const { out, code } = await mayfail("atlas", "--format", "md");
    expect(code, out).toBe(0);
    const readme = readFileSync(join(root, "README.md"), "utf8");
    const [from, to] = [readme.indexOf(BEGIN) + BEGIN.length, readme.indexOf(END)];
    expect(from).toBeGreaterThan(BEGIN.length);
    expect(to).toBeGreaterThanOrEqual(from);
    const page = `${readme.slice(0, from)}\n${out}\n${readme.slice(to)}`;
    await expect(page).toMatchFileSnapshot("../README.md");
  },
  TIMEOUT_MS,
);

function mayfail(...args: string[]): Promise<{ readonly out: string; readonly code: number | null }> {
  const child = spawn(process.execPath, [join(root, "bin/mayfail.mjs"), ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ out, code }));
  });
}
