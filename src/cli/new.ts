/**
 * `mayfail new driver NAME`: copies the living driver of src/drivers/skeleton, a case and a test of it, into the folder where one
 * stands. The test fails at first: the copy does not say any more which rule its second version breaks.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mayfailError } from "../errors.ts";
import { type Context, EXIT } from "./context.ts";
import { brief, usage } from "./options.ts";
import { reasonOf } from "./target.ts";

/** Beside the code that is run: the build copies them into dist/. */
const DRIVER = new URL("../drivers/skeleton/skeleton.ts", import.meta.url);
const CASE = new URL("../drivers/skeleton/skeleton.case.ts", import.meta.url);
const TEST = new URL("skeleton.test.mjs", DRIVER);

const TEMPLATES = [
  { ending: ".ts", url: DRIVER, about: "the driver" },
  { ending: ".case.ts", url: CASE, about: "a case of it" },
  { ending: ".test.mjs", url: TEST, about: "a test of both, which fails" },
];

/** A word that can stand in a file's name, in an import and in a command line as it is. */
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,39}$/;

export interface NewFile {
  readonly file: string;
  readonly about: string;
  readonly text: string;
}

export async function newFiles(c: Context, words: readonly string[]): Promise<number> {
  const [what, name, ...more] = words;
  if (what !== "driver") throw usage('new wants the word "driver" and a name', "new");
  if (name === undefined || more.length > 0) throw usage("new driver wants one name", "new");
  const files = driverFiles(name);
  writeNew(files, ".");
  c.io.out(story(name, files));
  return EXIT.ok;
}

/** The files of a new driver. Raises MF0121 when the name is none. */
export function driverFiles(name: string): NewFile[] {
  if (!NAME.test(name)) throw mayfailError("MF0121", { name: brief(name) });
  return TEMPLATES.map(({ ending, url, about }) => ({
    file: `${name}${ending}`,
    about,
    text: renamed(readFileSync(url, "utf8"), name),
  }));
}

function renamed(text: string, name: string): string {
  return text
    .replace('from "../../index.ts"', 'from "mayfail"')
    .replace("A driver to copy: `mayfail new driver NAME`.", `The driver ${name}.`)
    .replace(/,\s*breaks: \["C04"\]/, "") // the test tells
    .replace(/(["/ ])skeleton(?=["./:])/g, (_, before: string) => before + name);
}

/** Either all files or none. Raises MF0122 when one of them exists, MF0123 when one cannot be written. */
export function writeNew(files: readonly NewFile[], folder: string): void {
  for (const { file } of files) if (existsSync(join(folder, file))) throw mayfailError("MF0122", { file });
  const written: string[] = [];
  for (const { file, text } of files) {
    try {
      writeFileSync(join(folder, file), text, { flag: "wx" }); // somebody else may have been faster
      written.push(file);
    } catch (e) {
      for (const each of written) rmSync(join(folder, each), { force: true });
      if ((e as NodeJS.ErrnoException).code === "EEXIST") throw mayfailError("MF0122", { file });
      throw mayfailError("MF0123", { file, reason: reasonOf(e) });
    }
  }
}

function story(name: string, files: readonly NewFile[]): string {
  const next = [
    [`npx mayfail check --driver ${name}.ts`, "a line for each rule of the contract"],
    [`npx mayfail check ${name}.case.ts`, "a case, and the run that breaks it"],
    ["node --test", "fails: one version breaks a rule and does not say so"],
  ] as const;
  return `${columns(files.map(({ file, about }) => [file, about]))}

Next:
${columns(next)}

How it goes on: node_modules/mayfail/docs/tutorial.md
`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
