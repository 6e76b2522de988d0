/**
 * A driver author's first hour: the packed tarball, installed into an empty folder without network, checks a file that
 * imports "mayfail"; the editor's type checker knows the package; the tutorial can be followed.
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../../scripts/project.mjs";
import { patternOf, printed, type Step, stepsOf } from "../docs.testkit.ts";
import { publishedCopy } from "./process.testkit.ts";

const folder = mkdtempSync(join(tmpdir(), "mayfail-package-"));
const installed = join(folder, "node_modules/mayfail");

const tsc = join(root, "node_modules/typescript/bin/tsc");
let tarball = "";

function run(command: string, ...args: string[]) {
  return runIn(folder, 50_000, command, ...args);
}

function runIn(cwd: string, timeout: number, command: string, ...args: string[]) {
  const env = { ...process.env, NO_COLOR: "1", npm_config_update_notifier: "false", npm_config_loglevel: "error" };
  return spawnSync(command, args, { cwd, encoding: "utf8", env, timeout });
}

function install(cwd: string, path: string): void {
  const options = ["--offline", "--ignore-scripts", "--no-audit", "--no-fund"];
  const installation = runIn(cwd, 50_000, "npm", "install", ...options, path);
  expect(installation.status, installation.stderr).toBe(0);
}

beforeAll(() => {
  publishedCopy().remove();
  const packed = spawnSync("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    cwd: root,
    encoding: "utf8",
  });
  expect(packed.status, packed.stderr).toBe(0);
  tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
  writeFileSync(join(folder, "package.json"), '{ "name": "first-hour", "private": true, "type": "module" }\n');
  for (const name of ["mirror.ts", "userptr.ts"]) copyFileSync(join(root, "docs/examples", name), join(folder, name));
  install(folder, `./${tarball}`);
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("one package without dependencies and install scripts", () => {
  expect(readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith("."))).toEqual(["mayfail"]);
  const own = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as Record<string, unknown>;
  expect(own["dependencies"]).toBeUndefined();
  const js = readdirSync(installed, { recursive: true, encoding: "utf8" }).filter((name) => /\.m?js$/.test(name));
  const bytes = (names: readonly string[]) => names.map((name) => statSync(join(installed, name)).size);
  const isCase = (name: string) => /dist.(atlas|contract|drivers)./.test(name);
  // Compiled task code is several times its source; 700 kB of it is the parser that user files need.
  expect(bytes(js.filter((name) => !isCase(name))).reduce((a, b) => a + b)).toBeLessThan(4_000_000);
  // Cases, entries of the battery and drivers are many, so each has to be small.
  expect(Math.max(...bytes(js.filter(isCase)))).toBeLessThan(64_000);
});

test("npx mayfail: what it is and three commands to try", () => {
  const { status, stdout, stderr } = run("npx", "mayfail");
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("mayfail check FILE.ts");
});

test("npx mayfail check FILE.ts finds the deadlock of the buggy variant, and that the fixed one is ok", () => {
  const { status, stdout, stderr } = run("npx", "mayfail", "check", "mirror.ts");
  expect([status, stderr]).toEqual([1, ""]);
  expect(stdout).toMatch(/deadlock: device waits for page0.lock, which kswapd holds since mirror.ts:\d+; kswapd/);
  expect(stdout).toMatch(/buggy +deadlock[^\n]*\nfixed +ok/);
});

test("a driver on the model of the memory management, from outside of the repository", () => {
  const { status, stdout, stderr } = run("npx", "mayfail", "check", "userptr.ts");
  expect([status, stderr]).toEqual([1, ""]);
  expect(stdout).toMatch(/deadlock: ioctl waits for device.mutex, which ioctl itself holds since userptr.ts:\d+/);
  expect(stdout).toMatch(/buggy +deadlock[^\n]*\nfixed +ok/);
});

test("npx mayfail demo runs from the package", () => {
  const { status, stdout } = run("npx", "mayfail", "demo");
  expect(status).toBe(0);
  expect(stdout).toContain("Who waits for whom:");
});

test("the type checker knows the package: the file is right, and a wrong call is an error", () => {
  const compilerOptions = {
    strict: true,
    module: "nodenext",
    target: "es2023",
    lib: ["es2023"],
    noEmit: true,
    types: [],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  const right = run(process.execPath, tsc, "-p", ".");
  expect(right.stdout).toBe("");
  expect(right.status).toBe(0);
  const source = readFileSync(join(folder, "mirror.ts"), "utf8");
  writeFileSync(join(folder, "mirror.ts"), source.replace("lock(mirror.lock)", "lock(mirror.valid)"));
  const wrong = run(process.execPath, tsc, "-p", ".");
  expect(wrong.stdout).toMatch(/^mirror\.ts\(23,\d+\): error TS2345/);
});

/** A stranger follows the page: commands, files that he writes, lines that he changes. A busy machine is no reason to fail. */
const TUTORIAL_MS = 1_200_000;

test(
  "docs/tutorial.md, from an empty folder",
  () => {
    const empty = join(folder, "empty");
    mkdirSync(empty);
    install(empty, `../${tarball}`);
    const steps = stepsOf(readFileSync(join(root, "docs/tutorial.md"), "utf8"));
    expect(steps.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["run", "edit", "write"]));
    for (const step of steps) follow(empty, step);
  },
  TUTORIAL_MS,
);

function follow(cwd: string, step: Step): void {
  if (step.kind === "write") return writeFileSync(join(cwd, step.file), step.text, { flag: "wx" });
  if (step.kind === "edit") {
    const parts = readFileSync(join(cwd, step.file), "utf8").split(step.before);
    expect(parts, `these lines stand in ${step.file}, once:\n${step.before}`).toHaveLength(2);
    return writeFileSync(join(cwd, step.file), parts.join(step.after));
  }
  const words = step.command.split(" ");
  const program = words.slice(0, 2).join(" ") === "npx tsc" ? [process.execPath, tsc, ...words.slice(2)] : words;
  const [command = "", ...args] = program;
  const { status, stdout, stderr } = runIn(cwd, TUTORIAL_MS, command, ...args);
  expect(printed(stdout), `${step.command}\n${stderr}`).toMatch(patternOf(step.expected));
  expect(status, step.command).toBe(step.exitCode);
}
