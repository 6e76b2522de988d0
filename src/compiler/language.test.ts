"use plain generator";
/** Each construct of the language, alone: it does the same compiled as it does as a plain generator. */
import { expect, test } from "vitest";
import { compiled, difference, runCompiled, runPlain } from "./testing/agree.testkit.ts";
import { internedObjects } from "./testing/programs.testkit.ts";

const programs: Record<string, string> = {
  "for with let": `export function* main(a) { let s = 0; for (let i = 0; i < 3; i++) { s += (yield* op(i)) | 0; } return s; }`,
  "for without parts": `export function* main(a) { let i = 0; for (;;) { if (i > 2) break; yield* op(i++); } return i; }`,
  "for with two variables and a suspending test and update": `export function* main(a) {
    for (let i = 0, j = 9; (yield* op("t")) !== "x" && i < j; i = i + 1, j -= (yield* op("u")) | 1) note([i, j].join());
    return a; }`,
  "while with a suspending condition": `export function* main(a) { let n = 0; while (((yield* op(n)) | 0) < 4 && n < 5) n++; return n; }`,
  "do while with continue": `export function* main(a) { let n = 0; do { n++; if (n === 2) continue; yield* op(n); } while (n < 4); return n; }`,
  "labelled break and continue through two loops": `export function* main(a) {
    outer: for (let i = 0; i < 4; i++) {
      inner: for (let j = 0; ; j++) {
        yield* op(i, j);
        if (j === 1 && i === 0) continue outer;
        if (j === 2) break inner;
        if (i === 3) break outer;
        if (j === 0) continue inner;
      }
      note(i);
    }
    return 1; }`,
  "break out of a labelled block": `export function* main(a) { block: { yield* op(1); if (a) break block; yield* op(2); } return 3; }`,
  "switch with suspensions in its cases, fall through and default in the middle": `export function* main(a) {
    for (let i = 0; i < 5; i++) {
      switch (i) { case 0: yield* op("zero"); case 1: yield* op("one"); break; default: note("default"); case 3: yield* op("three"); break; case 4: { const z = yield* op("four"); note(z); continue; } }
      note(i);
    }
    return 0; }`,
  "switch with suspending discriminant and tests": `export function* main(a) {
    switch (yield* op("d")) { case yield* op("c1"): return 1; case yield* op("c2"): return 2; default: return yield* op("none"); } }`,
  "a switch kept whole inside of a loop that suspends": `export function* main(a) {
    let s = 0;
    for (let i = 0; i < 6; i++) { switch (i) { case 1: continue; case 4: s += 10; break; default: s++; } yield* op(i, s); }
    return s; }`,
  "return through two finally blocks": `export function* main(a) {
    try { try { yield* op(1); return a + 5; } finally { yield* op(2); note("inner"); } } finally { note("outer"); yield* op(3); } }`,
  "break and continue through finally": `export function* main(a) {
    for (let i = 0; i < 4; i++) { try { yield* op(i); if (i === 1) continue; if (i === 2) break; note("body"); } finally { yield* op("f", i); } note("after"); }
    return 1; }`,
  "finally that overrides a return": `export function* main(a) { try { yield* op(1); return 1; } finally { yield* op(2); return 2; } }`,
  "finally that swallows an exception by continue": `export function* main(a) {
    for (let i = 0; i < 2; i++) { try { yield* op(i); throw 5; } finally { note(i); continue; } }
    return 7; }`,
  "catch with and without its parameter": `export function* main(a) {
    try { yield* op(1); throw 8; } catch (e) { note(e); yield* op("caught", e); }
    try { yield* op(2); null.x; } catch { yield* op("again"); }
    return 2; }`,
  "catch with a pattern": `export function* main(a) { try { yield* op(1); throw OBJ; } catch ({ p, q: { r } }) { yield* op(p); return r; } }`,
  "an exception in the catch block runs the finally block": `export function* main(a) {
    try { try { yield* op(1); throw 1; } catch (e) { yield* op(e); throw e + 1; } finally { yield* op("f"); } } catch (e) { return e; } }`,
  "an uncaught exception after a suspending finally": `export function* main(a) { try { yield* op(1); throw 4; } finally { yield* op(2); } }`,
  "an exception of a nested call of plain code": `export function* main(a) {
    const boom = () => { throw 3; };
    try { yield* op(1); boom(); note("not here"); } catch (e) { yield* op(e); } return 1; }`,
  "try without suspension, left by return": `export function* main(a) {
    yield* op(0);
    for (const x of [1, 2]) { try { if (x === 2) return note(x); } finally { note("cleanup"); } }
    return 9; }`,
  "try without suspension inside of a loop kept whole, left by break of an outer loop": `export function* main(a) {
    outer: for (let i = 0; i < 3; i++) { yield* op(i); for (const x of LIST) { try { if (x === 1) continue outer; if (i === 2) break outer; } finally { note(x); } } }
    return 1; }`,
  "destructured parameters with defaults": `function* f({ p, q: { r } }, [x, y = 4] = PAIRS[1], z = p + x) { yield* op(p, r); return p + r + x + y + z; }
    export function* main(a) { return (yield* f(OBJ)) + (yield* f(OBJ, PAIRS[0])) + (yield* f(OBJ, PAIRS[0], 1)); }`,
  "default parameters that are evaluated only when missing": `function* f(a = note(1), b = note(a + 1)) { yield* op(a, b); return a + b; }
    export function* main(a) { return (yield* f()) + (yield* f(5)) + (yield* f(undefined, 7)) + (yield* f(null, 0)); }`,
  "destructuring of handles in statements": `export function* main(a) {
    const { p, q, ...rest } = OBJ; note(Object.keys(rest).length); const [first, , third = 2] = LIST; let x = 1, y = 2;
    yield* op(p, first); [x, y] = [y, x]; yield* op(x, y); return q.r + third; }`,
  "conditional expressions": `export function* main(a) { return (a ? yield* op("yes") : yield* op("no")) ? (yield* op(1)) : 2; }`,
  "logical expressions": `export function* main(a) {
    note(a && (yield* op(1))); note(a || (yield* op(2))); note((yield* op(3)) ?? (yield* op(4))); note(null ?? (yield* op(5)));
    return !(a && (yield* op(6)) && (yield* op(7))); }`,
  "call arguments": `export function* main(a) { return OBJ.add(yield* op(1), OBJ.add(note(2), yield* op(3))) + Math.max(1, yield* op(4), note(5)); }`,
  "a delegated call with suspending arguments": `function* f(x, y) { return (yield* op(x)) + y; }
    export function* main(a) { return yield* f((yield* op(1)) | 0, (yield* f(1, 2)) | 0); }`,
  "template strings": `export function* main(a) { return note(\`<\${a}-\${yield* op(1)}-\${note(2)}-\${yield* op(3)}>\`).length; }`,
  "tagged templates": `export function* main(a) { const tag = (s, ...x) => s.length + x.length; return tag\`a\${yield* op(1)}b\${2}\`; }`,
  "compound assignment": `export function* main(a) {
    let n = 3; n += (yield* op(1)) | 0; n = n * 2 - ((yield* op(n)) | 0); n **= 1; let m = n; m += (m = 5) + ((yield* op(m)) | 0);
    return [n, m].join(); }`,
  "logical assignment": `export function* main(a) {
    let x, y = 0, z = 4; x ??= yield* op(1); y ||= yield* op(2); z &&= yield* op(3); z &&= (yield* op(4)); y ??= yield* op(5); return [x, y, z].join(); }`,
  "assignment to members of kept objects": `export function* main(a) {
    const o = { n: 1, list: [0, 0] }; note(o.n); delete o.n; yield* op(0);
    OBJ.w = yield* op(1); note(OBJ.w); OBJ[(yield* op(2)) ? "w" : "u"] = 8; OBJ.w = 5; OBJ.w += (yield* op(3)) | 0; note(OBJ.w);
    OBJ.w = 0; note((OBJ["w"] ||= yield* op(4))); OBJ.q[yield* op(5)]++; delete OBJ.q[yield* op(6)]; return 1; }`,
  "the old value is read before the suspension": `export function* main(a) { let n = 1; const sum = n + (n = 10) + ((yield* op(1)) ? n++ : n--) + n; return [sum, n].join(); }`,
  "update expressions": `export function* main(a) { let n = 1; return [n++, yield* op(n++), --n, n].join(); }`,
  "sequence, array and object literals": `export function* main(a) {
    return JSON.stringify([note(1), yield* op(2), ...LIST, (note(4), yield* op(5)), { k: yield* op(3), [a]: a, a, f() { return 1; }, ...OBJ.q }]); }`,
  "optional chains": `export function* main(a) {
    const none = undefined; note(none?.x(yield* op("never"))); note(OBJ?.add(yield* op(1), 2)); note(OBJ.nothing?.(yield* op("never")));
    note(OBJ.q?.r + ((yield* op(2)) | 0)); return OBJ?.list?.[(yield* op(3)) ? 0 : 1]; }`,
  "unary operators": `export function* main(a) { return [-(yield* op(1)), (typeof (yield* op(2))).length, !(yield* op(3)), void (yield* op(4))].join(); }`,
  "delegation to one of two calls": `export function* main(a) { return yield* (a ? op("one") : op("two")); }`,
  "closures over constants of a set-up function": `function make(n) { const k = n * 2; return function* () { yield* op(k); return k + n; }; }
    const [f, g] = [make(1), make(20)];
    export function* main(a) { return (yield* f()) + (yield* g()); }`,
  "generator declarations inside of a set-up function": `function make(n) { const all = { first: inner, second: n }; function* inner(x) { yield* op(x, n); return x > 0 ? yield* inner(x - 1) : n; } return all; }
    const one = make(1); const two = make(2);
    export function* main(a) { return (yield* one.first(2)) + (yield* two.first(1)); }`,
  "nested functions without suspension": `export function* main(a) {
    function twice(x) { return half(x) * 4 + b; } const half = (x) => x / 2; let b = 1;
    yield* op(twice(2)); b = 7; yield* op(twice(3)); return [1, 2].map((x) => twice(x) + a).join(); }`,
  "a closure that assigns to a local": `export function* main(a) {
    let n = 0; const add = (x) => { n += x; }; add(1); yield* op(n); LIST.forEach((x) => { n += x; }); yield* op(n); add(2); return n; }`,
  "a helper that assigns, called again after a suspension": `export function* main(a) {
    let n = 1; const set = (x) => { n = x; }; yield* op(n); set(5); yield* op("after"); note(n); set(6); yield* op("again"); return n; }`,
  "an assignment that may not happen does not end the life of a value": `export function* main(a) {
    let p = 5, q = 6, r = 7, s = 8, t = 9, u = 10, zero = 0;
    yield* op(1);
    zero &&= (p = 1); zero && (q = 1); zero ? (r = 1) : 0; undefined?.x((s = 1)); if (zero) t = 1; for (; zero; ) u = 1;
    return [p, q, r, s, t, u].join(); }`,
  "an exception between two statements finds the values of before": `export function* main(a) {
    const boom = (x) => { if (x) throw x; }; let n = 3;
    try { yield* op(1); boom(1); n = 4; boom(2); } catch (e) { note(e); note(n); }
    try { yield* op(2); n = 5; boom(1); n = 6; } catch (e) { note(n); } finally { yield* op(n); }
    return n; }`,
  "a helper that assigns between a read and a suspension": `export function* main(a) {
    let n = 1; const set = () => { n = 50; return 0; }; return OBJ.add(n, set() + ((yield* op(n)) | 0)) + n; }`,
  "a finally block without suspension that overrides a return": `function* f(x) { yield* op(x); try { return 1; } finally { if (x) return 2; note("passed"); } }
    export function* main(a) { return (yield* f(0)) + (yield* f(1)); }`,
  "closures made in different iterations": `export function* main(a) {
    for (const x of LIST) { const y = x * 2; const fs = []; for (const z of LIST) { if (z === 5) yield* op(z); fs.push(() => z + y); if (fs.length === 3) note(fs.map((f) => f()).join()); }
      note(LIST.some((v) => v === x)); }
    let fs = []; for (let i = 0; i < 3; i++) { if (a < 0) yield* op(1); const k = i; fs.push(() => k); } return fs.map((f) => f()).join(); }`,
  recursion: `function* fib(n) { if (n < 2) { yield* op(n); return n; } return (yield* fib(n - 1)) + (yield* fib(n - 2)); }
    export function* main(a) { return yield* fib(5); }`,
  "mutual recursion": `function* even(n) { return n === 0 ? true : yield* odd(n - 1); } function* odd(n) { yield* op(n); return n === 0 ? false : yield* even(n - 1); }
    export function* main(a) { return yield* even(5); }`,
  "generator methods of object literals": `const ops = { *invalidate(r) { yield* op("inv", r); return r + 1; }, *["re" + "lease"](r) { return yield* ops.invalidate(r); }, async: 1 };
    export function* main(a) { return (yield* ops.invalidate(1)) + (yield* ops.release(2)); }`,
  "a method does not hide an outer function of its name": `function* lock(x) { return yield* op("outer", x); } const ops = { *lock(x) { return yield* lock(x + 1); } };
    export function* main(a) { return yield* ops.lock(1); }`,
  "generator expressions, with and without a name": `const g = function* () { return yield* op("g"); }; const h = function* down(n) { yield* op(n); return n ? yield* down(n - 1) : 5; };
    export const main = function* (a) { return [yield* g(), yield* h(2)].join(); };`,
  "one name in several blocks": `export function* main(x) {
    let n = 1; { let n = 2; yield* op(n); { const n = 3; yield* op(n); } note(n); } for (let n = 7; n < 9; n++) yield* op(n); return n; }`,
  "a local named like an outer name that the function uses, too": `const n = 100; function v(x) { return x + n; }
    export function* main(a) { yield* op(v(1)); { const n = 3, v = 4; yield* op(n, v); } return v(n); }`,
  "locals named like the variables of a step": `export function* main($W) { let $f = 1, $l = 2, $v = 3, W = 4, f = 5, label = 6, v = 7, $w = 8, $run = 9, $t = 10; yield* op($W); return [$W, $f, $l, $v, W, f, label, v, $w, $run, $t].join(); }`,
  "let without a value begins anew in each iteration": `export function* main(a) { for (let i = 0; i < 3; i++) { let x; note(x); x = i; yield* op(x); note(x); } return 0; }`,
  "var keeps its value and belongs to the function": `export function* main(a) { for (var i = 0; i < 3; i++) { var x; note(x); x = i; yield* op(x); } return i + x; }`,
  "var in a statement kept whole": `export function* main(a) { if (a) { var k = 5; for (var j = 0; j < 2; j++) k += j; } yield* op(k); return [k, j].join(); }`,
  "a function declaration in a block": `export function* main(a) { { yield* op(one()); function one() { return a + 1; } note(one()); } return a; }`,
  "a class": `export function* main(a) { class P { constructor(x) { this.x = x; } get twice() { return this.x * 2; } static s = 3; } note(new P(4).twice + P.s); yield* op(1); return a; }`,
  "values of every kind across a suspension": `export function* main(a) {
    const values = [0, -1, 1073741823, -1073741824, true, false, null, undefined];
    let s = ""; for (let i = 0; i < 8; i++) { const x = values[i]; s = ""; if (i > 3) { const y = x; void y; } note(x); }
    const [t, n, u, o, big, low] = [true, null, undefined, OBJ, 1073741823, -1073741824]; yield* op(1); return [t, n, u, o === OBJ, big, low].join(); }`,
  "minus zero becomes zero, nothing else changes": `export function* main(a) { let z = a * -0; yield* op(1); return z === 0; }`,
  "for of over constant arrays, nested, with a pattern": `export function* main(a) {
    for (const [x, y] of PAIRS) for (const z of LIST) { if (z === 1) continue; yield* op(x, y, z); } for (const c of PAIRS) { c[0] = c[0]; yield* op(c[0]); } return 1; }`,
  "for of with an outer variable": `export function* main(a) { let x; for (x of LIST) yield* op(x); return x; }`,
  "for in kept whole": `export function* main(a) { yield* op(1); for (const k in OBJ.q) note(k); return 1; }`,
  "a loop that never suspends on one path": `export function* main(a) { let n = 0; while (n < 100) { n++; if (n % 40 === 0) yield* op(n); } return n; }`,
  "code after return": `export function* main(a) { yield* op(1); return 2; yield* op(3); note(4); }`,
  "an endless loop left by return": `export function* main(a) { let i = 0; for (;;) { i++; while (true) { i++; if (i % 5 === 0) break; if (i > 20) return i; } yield* op(i); } }`,
  "no suspension at all": `function* f(x) { return x + 1; } function* g() {}
 export function* main(a) { note(yield* g()); return yield* f(yield* f(a)); }`,
  "nullish and typeof of undeclared": `export function* main(a) { yield* op(typeof nowhere); return globalThis.nowhere ?? 1; }`,
  "regular expressions, bigint, spread": `export function* main(a) { yield* op(/a+/.test("caat") ? 1 : 0); note(Math.max(...LIST, 2)); return String(10n ** 2n); }`,
  "shorthand properties of renamed locals": `const n = 1;
 export function* main(a) { { let n = 5; yield* op(n); note(JSON.stringify({ n, a })); ({ n } = { n: 6 }); note(n); } return n; }`,
};

test.each(Object.entries(programs))("%s", (_, source) => {
  const plain = runPlain(source, { objects: internedObjects });
  const code = compiled(source);
  for (const sequential of [false, true])
    expect(difference(plain, runCompiled(code, { objects: internedObjects, sequential }))).toBeUndefined();
  expect(plain.events.flat().length).toBeGreaterThan(0);
  expect(plain.results).not.toContain("endless");
});
