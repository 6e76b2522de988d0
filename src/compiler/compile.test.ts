"use plain generator";
import { expect, test } from "vitest";
import { compileTaskModule } from "./compile.ts";
/** The module around the task functions: types, imports, positions, source map. */
import { SourceMapConsumer } from "./testing/sourceMap.testkit.ts";

const compile = (source: string, filename = "case.ts") => compileTaskModule(source, { filename });
/** Source text whose lines begin behind a bar. */
const margin = (text: string): string => text.replace(/^ *\|/gm, "");
const body = (source: string): string => compile(source).code.trim();

test("types go, code stays", () => {
  expect(
    body(
      margin(`
      |import type { A } from "./a.ts";
      |import { type B, c, D } from "./b.ts";
      |export type { A };
      |export { type B as BB, c };
      |interface I<T> { x: T }
      |type U = I<number> | undefined;
      |declare const hidden: number;
      |declare module "x" { const y: number; }
      |export declare function later(): void;
      |function over(x: string): void; function over(x: number): void;
      |function over(this: Window, x: unknown, y?: D): asserts x is string { return (x as string)!.length! satisfies number; }
      |abstract class K<T> extends L<T> implements I<T> {
      |  declare z: number; readonly a: number = 1; private b?: string; static #p: number; abstract m(): void; [key: string]: unknown;
      |  override get v(): number { return this.a; } constructor(readonly_: number) { super(); }
      |}
      |const v = <T,>(x: T): x is T => f<number>(x!, new Map<string, number>());
      |for (const w of <number[]>[]) {}
      |let definite!: number;
      |export default interface Z {}
    `),
    ),
  ).toBe(
    margin(`
|import { c } from "./b.ts";
|export { c };
|function over(x, y) {
|  return x.length;
|}
|class K extends L {
|  a = 1;
|  b;
|  static #p;
|  get v() {
|    return this.a;
|  }
|  constructor(readonly_) {
|    super();
|  }
|}
|const v = x => f(x, new Map());
|for (const w of []) {}
|let definite;
`).trim(),
  );
});

test("imports that nothing uses go from TypeScript, not from JavaScript; bare imports stay", () => {
  const source = 'import "./effect.js";\nimport { Unused } from "./x.js";';
  expect(body(source)).toBe('import "./effect.js";');
  expect(compile(source, "case.mjs").code.trim()).toBe(source);
});

test("specifiers are rewritten wherever a module is named", () => {
  const { code } = compileTaskModule(
    'import { a } from "./a.ts"; export { b } from "./b.ts"; export * from "./c.ts"; a(import ("./d.ts"), "./e.ts");',
    { filename: "case.ts", importRewrites: (specifier) => specifier.replace(".ts", ".mjs") },
  );
  expect(code.match(/\.\/\w\.\w+/g)).toEqual(["./a.mjs", "./b.mjs", "./c.mjs", "./d.mjs", "./e.ts"]);
});

test("the runtime comes from where it is said to be, with the names that are used and no others", () => {
  expect(
    compileTaskModule("export function* f() {}", { filename: "a.ts", runtime: "../machine/runtime.ts" }).code,
  ).toMatch(
    /^import \{ enter as \$enter, leave as \$leave, fell as \$fell, define as \$define, room as \$room_ \} from "..\/machine\/runtime.ts";/,
  );
  expect(body("export const x = 1;")).toBe("export const x = 1;");
  expect(body("const $enter = 1; export function* f() { yield* g($enter); }")).toContain("enter as $enter$1");
});

test("task functions are reported with their places and points", () => {
  const { functions } = compile(`
const table = {
  *invalidate(range: Range): Task {
    yield* lock(
      range.mm,
    );
    for (;;) if (yield* done(range)) { return yield* finish(range, "${"x".repeat(80)}"); }
  },
};
export { table }; export default function* () { yield* (a ? b() : c()); }
export const named = function* inner() {};
let assigned; assigned = function* () {};
`);
  expect(functions.map((each) => each.name)).toEqual(["invalidate", "default", "inner", "assigned"]);
  const [invalidate, other] = functions;
  expect(invalidate).toMatchObject({ file: "case.ts", line: 3, column: 3, params: ["range"], hasLoop: true });
  expect(invalidate?.points).toEqual([
    { line: 3, column: 3, text: "*invalidate(range: Range): Task" },
    { line: 4, column: 5, text: "yield* lock( range.mm, )" },
    { line: 7, column: 18, text: "yield* done(range)" },
    { line: 7, column: 47, text: `yield* finish(range, "${"x".repeat(57)}…` },
  ]);
  expect(other?.hasLoop).toBe(false);
  expect(other?.points.map((each) => each.text)).toEqual([
    "function* ()",
    "yield* (a ? b() : c())",
    "yield* (a ? b() : c())",
  ]);
});

test("meta data of the module is what the runtime gets", () => {
  const { code, functions } = compile("export function* f(a) { yield* g(a); }");
  const defined: unknown[] = [];
  new Function("$define", "$room_", "$waiting_", code.replace(/^import.*$/m, "").replace("export", ""))(
    (meta: unknown) => defined.push(meta),
  );
  expect(defined).toEqual(functions);
});

test("the source map leads from each statement of the step to the author's line", async () => {
  const source = `// head
export function* main(k: Kernel) {
  const first: number = yield* alpha(k);
  for (let i = 0; i < first; i++) {
    yield* beta(i,
      gamma(i));
  }
  return delta(first);
}
`;
  const { code, map } = compile(source);
  expect(map.sources).toEqual(["case.ts"]);
  expect(map.sourcesContent).toEqual([source]);
  const consumer = new SourceMapConsumer(map);
  const lineOf = (text: string): number | undefined => {
    const at = code.split("\n").findIndex((line) => line.includes(text) && !line.includes("text:"));
    return consumer.originalLine(at + 1, code.split("\n")[at]?.indexOf(text) ?? 0);
  };
  expect(["alpha(k)", "i = 0", "i < first", "i++", "beta(i", "gamma(i)", "delta(first)"].map(lineOf)).toEqual([
    3, 4, 4, 4, 5, 6, 8,
  ]);
});

test("the same source gives the same code", () => {
  const source = "export function* f(a) { for (const x of a.list) { try { yield* g(x); } finally { yield* h(); } } }";
  expect(compile(source)).toEqual(compile(source));
});
