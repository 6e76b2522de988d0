"use plain generator";
/** What the compiler refuses: each with its number and the exact place. */
import { expect, test } from "vitest";
import { MayfailError } from "../errors.ts";
import { compileTaskModule } from "./compile.ts";

function errorOf(source: string, filename = "case.ts"): string {
  try {
    compileTaskModule(source, { filename });
  } catch (error) {
    if (!(error instanceof MayfailError)) throw error;
    return `${error.code} ${error.where?.line}:${error.where?.column} ${error.sentence}`;
  }
  return "accepted";
}

test.each([
  ["MF0301 1:11", "const x = ;\nfunction* f() {}"],
  ["MF0301 2:3", "function* f() {\n  @@@ }"],
  ["MF0301 1:1", "\u0000\u0001\u0002PNG"],
  ["MF0302 2:11", "function* f() {\n  let x = yield 3; }"],
  ["MF0303 2:17", "let n = 0;\nfunction* f() { n++; yield* g(); }"],
  ["MF0303 2:26", "let n = 0;\nfunction* f() { x(() => (n = 1)); }"],
  ["MF0303 1:33", "function s(o) { function* f() { o = 1; } return f; }"],
  ["MF0303 1:17", "function* f() { undeclared = 1; yield* g(); }"],
  ["MF0304 2:24", "let n = 0; export function set() { n = 1; }\nfunction* f() { return n; }"],
  [
    "MF0304 3:35",
    "export function s() {\n  let k = 1; const later = () => { k = 2; };\n  return { later, *run() { return k; } };\n}",
  ],
  ["MF0305 2:1", "function* f() {}\nasync function g() {}"],
  ["MF0305 1:28", "function* f() {} const g = async () => 1;"],
  ["MF0305 1:1", "async function* f() { yield 1; } function* g() {}"],
  ["MF0306 1:24", "function* f() { return arguments[0]; }"],
  ["MF0307 1:33", "const o = { *f() { return () => this.x; } };"],
  ["MF0307 1:27", "const o = { *f() { return super.x; } };"],
  ["MF0308 2:3", "function* f() {\n  function* g() {}\n  yield* g(); }"],
  ["MF0309 2:24", 'import { until } from "mayfail";\nfunction* f() { yield* until(() => { return 1; }); }'],
  ["MF0309 2:24", 'import { until as wait } from "mayfail";\nfunction* f() { yield* wait(x); }'],
  ["MF0309 2:24", 'import { until } from "mayfail";\nfunction* f() { yield* until(); }'],
  ["MF0311 1:1", "enum A { B }\nfunction* f() {}"],
  ["MF0311 1:1", "namespace A { export const b = 1; }"],
  ["MF0311 1:23", "class A { constructor(private x: number) {} }"],
  ["MF0312 1:17", "function* f() { yield* g; } const g = [];"],
  ["MF0312 1:17", "function* f() { yield* new G(); }"],
  ["MF0312 1:17", "function* f() { yield* o.release?.(); }"],
  ["MF0313 2:17", "function* g() {}\nfunction* f() { g(); yield* g(); }"],
  ["MF0313 2:26", "const g = function* () {};\nfunction* f() { yield* h(g()); }"],
  ["MF0314 1:13", "function* f(...rest) { yield* g(rest); }"],
  ["MF0315 1:11", "class A { *f() { yield* g(); } }"],
  ["MF0316 1:17", "function* f() { for (const k in o) yield* g(k); }"],
  ["MF0317 1:23", "function* f() { const { a = yield* g() } = o; }"],
  ["MF0317 1:17", "function* f() { class A { [yield* g()]() {} } }"],
  ["MF0318 2:17", 'import { until } from "./wait.ts";\nfunction* f() { until(() => 1); yield* g(); }'],
  ["MF0321 2:37", 'import { until } from "mayfail";\nfunction* f(o) { yield* until(() => o.n++); }'],
  ["MF0321 2:45", 'import { until } from "mayfail";\nfunction* f(o) { yield* until(() => o.x || (o.y = 1)); }'],
  ["MF0321 2:37", 'import { until } from "mayfail";\nfunction* f(o) { yield* until(() => delete o.n); }'],
])("%s: %s", (expected, source) => {
  expect(errorOf(source)).toMatch(new RegExp(`^${expected} `));
});

test("the message names the function and the variable", () => {
  expect(errorOf("let total = 0;\nexport function* count() { total += 1; }")).toContain(
    "The task function count assigns to total, which belongs to an outer scope",
  );
});

test.each([
  ["a let that only its own scope assigns, during set-up", "let n = 1; n = 2; function* f() { return n; }"],
  [
    "a let of a set-up function",
    "function s(x) { let n; if (x) n = 1; else n = 2; return function* () { yield* op(n); }; }",
  ],
  [
    "a file of plain generators",
    '"use plain generator"; function* f() { yield 1; yield* this; } async function g() {}',
  ],
  ["a plain generator", 'function* f() { "use plain generator"; yield 1; yield* this; } async function g() {}'],
  [
    "a plain generator inside of a task",
    'function* f() { const g = function* () { "use plain generator"; yield 1; }; yield* op([...g()].length); }',
  ],
  ["an async function in a file without task code", "export async function f() { await 1; }"],
  [
    "arguments and this of a nested function",
    "function* f() { const g = function () { return this ?? arguments; }; yield* op(g()); }",
  ],
  [
    "a property named like a task or like arguments",
    "function* g() {} function* f(o) { o.g(); o.arguments = { arguments: 1, g: 2 }; yield* o.g(); }",
  ],
  ["starting a task from a nested function", "function* g() {} function* f() { yield* spawn(() => g()); }"],
  ["an until of one's own", "function until(x) { return x; } function* f() { until(1); yield* op(); }"],
])("accepted: %s", (_, source) => {
  expect(errorOf(source)).toBe("accepted");
});

test("code that is nested too deeply for this thread is refused, not a crash", () => {
  expect(errorOf(`function* f() { return ${"(".repeat(20_000)}1${")".repeat(20_000)}; }`)).toMatch(
    /^MF0301 1:1 .*nested/,
  );
  expect(errorOf(`function* f() { ${"{".repeat(2_000)} yield* g(); ${"}".repeat(2_000)} }`)).toMatch(
    /^(MF0301 1:1|acc)/,
  );
});

test("a function may have 4095 suspensions and no more", () => {
  const suspensions = (n: number): string => `function* f() { ${"yield* g();".repeat(n)} }`;
  expect(errorOf(suspensions(4095))).toBe("accepted");
  expect(errorOf(suspensions(4096))).toMatch(/^MF0310 1:1 .* it has 4097 suspension points and 4096 are possible/);
});
