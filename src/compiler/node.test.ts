"use plain generator";
/** User files in Node: folders of real files, loaded as the command line loads them. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileToUrls } from "./browser.ts";
import { loadTaskModule } from "./node.ts";

let folder = "";
let packages: Record<string, string> = {};

function files(all: Record<string, string | Uint8Array>): void {
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** Source text whose lines begin behind a bar. */
const margin = (text: string): string => text.replace(/^ *\|/gm, "");

const load = (name: string): Promise<Record<string, unknown>> => loadTaskModule(join(folder, name), { packages });

async function errorOf(name: string): Promise<string> {
  try {
    await load(name);
  } catch (error) {
    return String((error as Error).message).replaceAll(`${folder}/`, "");
  }
  return "loaded";
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mayfail-node-test-"));
  files({
    "own/index.mjs": "export const lock = (x) => ['lock', x]; export const machine = {};",
    "own/runtime.mjs": `
      export const defined = [];
      export const define = (meta, step) => { defined.push(meta); return { meta, step, id: defined.length - 1 }; };
      export const enter = (code, ...args) => { entered.push([code.meta.name, ...args]); }; export const entered = [];
      export const leave = () => {}; export const encodeSlow = () => 1; export const decodeSlow = () => 1;
      export const room = { left: 0 }; export const waiting = {}; export const kept = () => waiting;
      export const fell = (code, label, error) => error; export const hold = () => {};`,
  });
  packages = {
    mayfail: pathToFileURL(join(folder, "own/index.mjs")).href,
    "mayfail/runtime": pathToFileURL(join(folder, "own/runtime.mjs")).href,
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a file and what it imports, in every spelling, in a circle, with packages and data", async () => {
  files({
    "case.ts": margin(`
      |import { lock, machine, type Task } from "mayfail";
      |import { helper } from "./lib/helper.ts";
      |import other from "./lib/plain.js";
      |import { size } from "./lib/sizes";
      |import { twin } from "./lib/twin.js";
      |import esm from "only-esm/deep/thing";
      |import main from "@scope/main";
      |import data from "./data.json" with { type: "json" };
      |import { join } from "node:path";
      |export function* run(x: number): Task { yield* lock(x); yield* helper(x); }
      |export const all = [other, size, twin, esm, main, data.n, typeof join, helper.name];
      |export { machine };
      |export default run;`),
    "lib/helper.ts": `import { run } from "../case.ts"; export function* helper(x: number) { if (x > 3) yield* run(x - 1); }`,
    "lib/plain.js": "export default 'plain';",
    "lib/sizes.ts": "export const size: number = 7;",
    "lib/twin.ts": "export const twin = 'ts' as string;",
    "data.json": '{ "n": 5 }',
    "node_modules/only-esm/package.json":
      '{ "exports": { "./deep/*": { "types": "./x.d.ts", "import": "./src/*.mjs" } } }',
    "node_modules/only-esm/src/thing.mjs": "export default 'esm';",
    "node_modules/@scope/main/package.json": '{ "main": "lib/entry", "type": "module" }',
    "node_modules/@scope/main/lib/entry.js": "export default 'main';",
  });
  const module = await load("case.ts");
  expect(module["all"]).toEqual(["plain", 7, "ts", "esm", "main", 5, "function", "helper"]);
  const runtime = (await import(packages["mayfail/runtime"] as string)) as {
    defined: { name: string; file: string }[];
    entered: unknown[];
  };
  const own = (await import(packages["mayfail"] as string)) as { machine: unknown };
  expect(module["machine"]).toBe(own.machine);
  expect(runtime.defined.map((each) => each.name).sort()).toEqual(["helper", "run"]);
  expect(runtime.defined.find((each) => each.name === "run")?.file).toBe(join(folder, "case.ts"));
  (module["default"] as (x: number) => void)(4);
  expect(runtime.entered).toEqual([["run", 4]]);
});

test("nothing is left behind in the folder for temporary files, unless an import() may need it", async () => {
  const temporary = join(folder, "temporary");
  mkdirSync(temporary);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = temporary;
  files({ "gone.ts": "export const x = 1;", "later.ts": 'export const get = () => import ("./gone.ts");' });
  try {
    await load("gone.ts");
    await errorOf("missing-again.ts");
    expect(readdirSync(temporary)).toEqual([]);
    const { get } = await load("later.ts");
    expect(await (get as () => Promise<unknown>)()).toMatchObject({ x: 1 });
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  }
});

test("a file loaded again after a change is the changed one", async () => {
  files({ "again.ts": "export const x = 1;" });
  expect((await load("again.ts"))["x"]).toBe(1);
  files({ "again.ts": "export const x = 2;" });
  expect((await load("again.ts"))["x"]).toBe(2);
});

test("an exception shows the author's line", async () => {
  files({
    "throws.ts": "interface X {\n  y: 1;\n}\nexport const boom = () => {\n  throw new Error('boom' as string);\n};",
  });
  const { boom } = await load("throws.ts");
  let stack = "";
  process.setSourceMapsEnabled(true);
  try {
    (boom as () => void)();
  } catch (error) {
    stack = (error as Error).stack ?? "";
  } finally {
    process.setSourceMapsEnabled(false);
  }
  expect(stack).toContain(`${join(folder, "throws.ts")}:5:9`);
});

test.each([
  ["missing.ts", {}, "MF0104: The file missing.ts cannot be read (it does not exist)."],
  ["adir/x.ts/y.ts", {}, "MF0104: The file adir/x.ts/y.ts cannot be read (it does not exist)."],
  ["own", {}, "MF0104: The file own cannot be read (it is a directory)."],
  [
    "garbage.ts",
    { "garbage.ts": Uint8Array.of(0x7f, 0x45, 0xff, 0xfe, 0, 1) },
    "MF0104: The file garbage.ts cannot be read (it is not UTF-8 text).",
  ],
  ["nul.ts", { "nul.ts": "\u0000\u0001" }, "MF0301: nul.ts:1:1: The file cannot be parsed: "],
  ["a.ts", { "a.ts": 'import "./b.ts";', "b.ts": "\n  const = 1;" }, "MF0301: b.ts:2:9: "],
  [
    "c.ts",
    { "c.ts": '\nimport { x } from "./nowhere.ts"; x;' },
    'MF0319: c.ts:2:19: The import "./nowhere.ts" cannot be resolved: there is no file nowhere.ts.',
  ],
  [
    "d.ts",
    { "d.ts": 'import x from "no-such-package"; x;' },
    'MF0319: d.ts:1:15: The import "no-such-package" cannot be resolved: the package no-such-package is not installed.',
  ],
  [
    "e.ts",
    { "e.ts": 'import x from "mayfail/deep"; x;' },
    'MF0319: e.ts:1:15: The import "mayfail/deep" cannot be resolved: Mayfail has only mayfail and mayfail/runtime.',
  ],
  [
    "f.ts",
    { "f.ts": 'import x from "only-esm"; x;' },
    'MF0319: f.ts:1:15: The import "only-esm" cannot be resolved: the package does not export ".".',
  ],
  [
    "g.ts",
    { "g.ts": 'import { unlock } from "mayfail"; unlock;' },
    'MF0320: g.ts:1:10: The module "mayfail" does not export "unlock".',
  ],
  [
    "h.ts",
    { "h.ts": 'import { z } from "./z.ts"; z;', "z.ts": "export const y = 1;" },
    'MF0320: h.ts:1:10: The module "./z.ts" does not export "z".',
  ],
  [
    "i.ts",
    { "i.ts": "throw new Error('on purpose\\nsecond line');" },
    "MF0108: The file i.ts could not be loaded: on purpose.",
  ],
  ["j.ts", { "j.ts": "throw null;" }, "MF0108: The file j.ts could not be loaded: null."],
  [
    "k.ts",
    { "k.ts": "function* f() { yield 1; }" },
    "MF0302: k.ts:1:17: A plain `yield` stands in the task function f.",
  ],
  ["l.ts", { "l.ts": 'import "#internal";' }, 'MF0319: l.ts:1:8: The import "#internal" cannot be resolved: '],
])("%s: a numbered error", async (name, made, expected) => {
  files(made);
  expect((await errorOf(name)).slice(0, expected.length)).toBe(expected);
});

test("devices are not read", async () => {
  await expect(loadTaskModule("/dev/zero")).rejects.toThrow(
    "MF0104: The file /dev/zero cannot be read (it is not a regular file).",
  );
});

test("in a page: files by name, compiled in order, with URLs for what they import", async () => {
  const made: string[] = [];
  const options = {
    packages: { mayfail: "https://page/mayfail.js", "mayfail/runtime": "https://page/runtime.js" },
    makeUrl: (code: string, filename: string) => {
      made.push(code);
      return `blob:${filename}`;
    },
  };
  const sources = new Map([
    [
      "case.ts",
      'import { lock } from "mayfail"; import { f } from "./lib/f.js"; export function* g() { yield* f(); yield* lock(); }',
    ],
    ["lib/f.ts", "export function* f(): Task {}"],
  ]);
  expect(compileToUrls(sources, "case.ts", options)).toBe("blob:case.ts");
  expect(made).toHaveLength(2);
  expect(made[1]).toContain('from "https://page/mayfail.js"');
  expect(made[1]).toContain('from "blob:lib/f.ts"');
  expect(made[1]).toContain('from "https://page/runtime.js"');
  sources.set("lib/f.ts", 'import "../case.ts";');
  expect(() => compileToUrls(sources, "case.ts", options)).toThrow(/^MF0319: lib\/f.ts:1:8: .* in a circle/);
  sources.set("lib/f.ts", 'import "./x.ts";');
  expect(() => compileToUrls(sources, "case.ts", options)).toThrow(/^MF0319: lib\/f.ts:1:8: .* no such file/);
});

test("in a page: a name that a file or a package does not export is refused where it is imported", () => {
  const compile = (entry: string, lib: string): string =>
    compileToUrls(
      new Map([
        ["case.ts", entry],
        ["lib.ts", lib],
      ]),
      "case.ts",
      {
        packages: { mayfail: "https://page/mayfail.js", "mayfail/user": "https://page/user.js" },
        exports: { mayfail: ["lock"] },
        makeUrl: (_code, filename) => `blob:${filename}`,
      },
    );
  expect(() => compile('import { y, z } from "./lib.ts"; z(y);', "export const y = 1;")).toThrow(
    /^MF0320: case.ts:1:13: The module ".\/lib.ts" does not export "z"/,
  );
  expect(() => compile('import { lock, unlock } from "mayfail"; unlock(lock);', "")).toThrow(
    /^MF0320: case.ts:1:16: The module "mayfail" does not export "unlock"/,
  );
  // What is re-exported as a whole, and packages whose names the page does not give, cannot be checked.
  expect(compile('import { z } from "./lib.ts"; z();', 'export * from "mayfail/user";')).toBe("blob:case.ts");
  expect(compile('import { nothing } from "mayfail/user"; nothing();', "")).toBe("blob:case.ts");
});
