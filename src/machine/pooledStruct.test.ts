/** Objects that are freed and used again: touching a free one is a finding, whichever field it is. */
import { expect, test } from "vitest";
import { type Cell, cell, readOnce, writeOnce } from "./cell.ts";
import type { Handle, Task } from "./core.ts";
import { explore } from "./explore.testkit.ts";
import { lock, type Mutex, mutexField, unlock } from "./mutex.ts";
import { freeObject, int, isPooled, pooledStruct, reuseObject, struct } from "./struct.ts";

interface Thing extends Handle {
  readonly lock: Mutex;
  word: number;
  guarded: number;
  link: number;
}
const thingStruct = pooledStruct("thing", {
  lock: mutexField(),
  word: int({ ordered: "test" }),
  guarded: int({ guardedBy: "lock" }),
  link: int({ ordered: "test", whenFree: true }),
});

function* frees(o: Thing, c: Cell): Task {
  yield* writeOnce(c, 1);
  freeObject(o);
  o.link = 7;
}
function* reads(o: Thing, c: Cell): Task {
  yield* readOnce(c);
  o.link = o.word;
}
function* writes(o: Thing, c: Cell): Task {
  yield* readOnce(c);
  o.word = 1;
}
function* locks(o: Thing, c: Cell): Task {
  yield* readOnce(c);
  yield* lock(o.lock);
  o.guarded = 1;
  yield* unlock(o.lock);
}
function* linksOnly(o: Thing, c: Cell): Task {
  yield* readOnce(c);
  o.link = 1;
}
function* reuses(o: Thing, c: Cell): Task {
  if ((yield* readOnce(c)) === 1) reuseObject(o);
  o.word = 1;
}

const findings = (f: (o: Thing, c: Cell) => Task): string[] => {
  const r = explore((m) => {
    const o: Thing = thingStruct.create("o");
    const c = cell("c");
    m.spawn("owner", frees, [o, c]);
    m.spawn("other", f, [o, c]);
  });
  return [...r.findings];
};

test.each([
  [reads, "word"],
  [writes, "word"],
  [locks, "lock"],
])("%o", (f, field) => {
  expect(findings(f)).toContain(`use-after-free: other uses o.${field}, and o was freed`);
});

test("freed twice", () => {
  expect(findings(frees)).toEqual(["use-after-free: o is freed twice"]);
});

test("the link of the free list, and an object that is used again", () => {
  expect(findings(linksOnly)).toEqual([]);
  expect(findings(reuses)).toEqual([]);
});

test("only pooled structs can be freed", () => {
  explore((m) => {
    const plain = struct("plain", { x: int({ ordered: "test" }) }).create("p");
    expect(isPooled(plain)).toBe(false);
    expect(() => freeObject(plain)).toThrow("p belongs to no pooled struct");
    const c = cell("c");
    m.spawn("t", linksOnly, [thingStruct.create("o"), c]);
  });
});
