import { expect, test } from "vitest";
import { onMachine, setupProgram } from "../search/program.ts";
import { type Cell, cell, cellField, cmpxchg, exchange, fetchAdd, point, readOnce, touch, writeOnce } from "./cell.ts";
import { explore, exploreBoth } from "./explore.testkit.ts";
import { assert, must } from "./finding.ts";
import { fingerprint, hashHigh, hashLow } from "./hash.ts";
import { Layout } from "./layout.ts";
import { DONE, Machine, nameOfWord, type TaskInfo } from "./machine.ts";
import { lock, type Mutex, mutex, mutexField, spinlock, trylock, unlock } from "./mutex.ts";
import { bool, int, ref, type StructOf, struct } from "./struct.ts";
import { choose, join, never, progress, spawn, until } from "./wait.ts";

const named = <T>(m: Machine, name: string): T => m.handles.find((h) => (h as { name?: string }).name === name) as T;
const value = (name: string) => (m: Machine) => String(named<Cell>(m, name).value);

function* adds(c: Cell, n: number) {
  for (let i = 0; i < n; i++) yield* writeOnce(c, (yield* readOnce(c)) + 1);
}
function* addsAtomically(c: Cell, n: number) {
  for (let i = 0; i < n; i++) yield* fetchAdd(c, 1);
}
function* addsTouching(c: Cell, d: Cell) {
  yield* touch(c, d);
  c.value++;
  d.value += c.value;
}

test("every interleaving of accesses to cells", () => {
  const two = (f: typeof adds, n: number) =>
    exploreBoth((m) => {
      const c = cell("c");
      m.spawn("a", f, [c, n]);
      m.spawn("b", f, [c, n]);
    }, value("c"));
  expect(two(adds, 2).ends).toEqual(["2", "3", "4"]);
  expect(two(addsAtomically, 2).ends).toEqual(["4"]);
  const touching = exploreBoth((m) => {
    const [c, d] = [cell("c"), cell("d")];
    m.spawn("a", addsTouching, [c, d]);
    m.spawn("b", addsTouching, [c, d]);
  }, value("d"));
  expect(touching.ends).toEqual(["3"]);
});

function* swaps(c: Cell, me: number, won: Cell) {
  if ((yield* cmpxchg(c, 0, me)) === 0) yield* exchange(won, me);
  yield* point();
}

test("cmpxchg lets one win", () => {
  const r = exploreBoth((m) => {
    const [c, won] = [cell("c"), cell("won")];
    m.spawn("a", swaps, [c, 1, won]);
    m.spawn("b", swaps, [c, 2, won]);
    m.atEnd("one winner", () => won.value === c.value);
  }, value("won"));
  expect(r.ends).toEqual(["1", "2"]);
});

function* peeks(c: Cell) {
  yield* readOnce(c);
  return c.value;
}
function* pokes(c: Cell) {
  c.value = 1;
  yield* readOnce(c);
}

test("a cell without a scheduling point", () => {
  expect(explore((m) => m.spawn("t", peeks, [cell("c")])).findings).toEqual([
    "data-race: c is read without a scheduling point: use readOnce, writeOnce, or touch",
  ]);
  expect(explore((m) => m.spawn("t", pokes, [cell("c")])).verdicts).toEqual(["data-race"]);
});

function* both(a: Mutex, b: Mutex) {
  yield* lock(a);
  yield* lock(b);
  yield* unlock(b);
  yield* unlock(a);
}
function* triesSecond(a: Mutex, b: Mutex) {
  yield* lock(a);
  if (yield* trylock(b)) yield* unlock(b);
  yield* unlock(a);
}

test("two locks in two orders, and with a trylock", () => {
  const run = (f: typeof both) =>
    exploreBoth((m) => {
      const [a, b] = [mutex("a"), mutex("b")];
      m.spawn("t1", both, [a, b]);
      m.spawn("t2", f, [b, a]);
    });
  expect(run(both).findings).toEqual(["deadlock: t1 waits (lock b) for t2; t2 waits (lock a) for t1"]);
  expect(run(triesSecond).verdicts).toEqual(["ok"]);
});

function* unlocksOnly(a: Mutex) {
  yield* unlock(a);
}
function* sleepsAtomic(a: Mutex, b: Mutex) {
  yield* lock(a);
  yield* lock(b);
}

test("misuse of locks", () => {
  expect(explore((m) => m.spawn("t", unlocksOnly, [mutex("a")])).findings).toEqual([
    "assertion: t unlocks a without holding it: lock it first, on every path",
  ]);
  expect(explore((m) => m.spawn("t", sleepsAtomic, [spinlock("a"), mutex("b")])).findings).toEqual([
    "atomic-sleep: t may sleep (lock b) while it holds a spinlock",
  ]);
  expect(explore((m) => m.spawn("t", sleepsAtomic, [spinlock("a"), spinlock("b")])).verdicts).toEqual(["ok"]);
});

const fields = {
  lock: mutexField(),
  guarded: int({ guardedBy: "lock", initial: 4 }),
  flag: bool({ ordered: "test", initial: true }),
  other: ref<{ id: number; at: number; name: string }>({ ordered: "test" }),
  mine: int(),
  count: cellField(2),
};
const Thing = struct("thing", fields);
type Thing = StructOf<typeof fields>;

function* usesGuarded(o: Thing, locked: boolean) {
  if (locked) yield* lock(o.lock);
  o.guarded++;
  if (locked) yield* unlock(o.lock);
}
function* usesMine(o: Thing) {
  o.mine++;
  yield* readOnce(o.count);
}

test("guards of fields", () => {
  const run = (first: boolean, second: boolean) =>
    explore((m) => {
      const o = Thing.create("o");
      m.spawn("a", usesGuarded, [o, first]);
      m.spawn("b", usesGuarded, [o, second]);
      m.atEnd("both", () => o.guarded === 6);
    });
  expect(run(true, true).verdicts).toEqual(["ok"]);
  expect(run(true, false).findings[0]).toBe("data-race: b reads o.guarded without holding o.lock");
  const mine = (n: number) =>
    explore((m) => {
      const o = Thing.create("o");
      for (let i = 0; i < n; i++) m.spawn(`t${i}`, usesMine, [o]);
    });
  expect(mine(1).verdicts).toEqual(["ok"]);
  expect(mine(2).findings[0]).toMatch(
    /^data-race: o\.mine is used by t1 and by another task, and thing\.mine declares no/,
  );
});

test("fields start as declared or created, and words have their names", () => {
  const m = Machine.build(() => {
    const p = Thing.create("p");
    const o = Thing.create("o", { guarded: 9, other: p });
    expect([p.guarded, p.flag, p.other, p.count.value]).toEqual([4, true, null, 2]);
    expect([o.guarded, o.other]).toEqual([9, p]);
  });
  const o = named<Thing>(m, "o");
  expect([0, 1, 2, 3, 4, 5].map((i) => m.layout.nameOf(o.at + i))).toEqual([
    "o.lock",
    "o.guarded",
    "o.flag",
    "o.other",
    "o.mine",
    "o.count",
  ]);
  expect(nameOfWord(o.at + 5)).toBe("o.count");
  expect(() => struct("bad", { x: int({ guardedBy: "nothing" }) })).toThrow("MF0207");
});

function* child(c: Cell, n: number) {
  yield* fetchAdd(c, n);
}
function* parent(c: Cell) {
  const a = spawn(child, c, 1);
  const b = spawn(child, c, 10);
  yield* join(a);
  yield* join(b);
  must((yield* readOnce(c)) === 11, "assertion", "both children have ended");
}
function* joinsEachOther(other: { task: TaskInfo | null }) {
  if (other.task) yield* join(other.task);
}

test("children, and waiting for them", () => {
  expect(exploreBoth((m) => m.spawn("p", parent, [cell("c")], { children: 2 })).verdicts).toEqual(["ok"]);
  expect(exploreBoth((m) => m.spawn("p", parent, [cell("c")])).verdicts).toEqual(["ok"]);
  const r = explore((m) => {
    const [x, y]: { task: TaskInfo | null }[] = [{ task: null }, { task: null }];
    // The first to run finds nobody to join: it waits for ever for the other one instead.
    y.task = m.spawn("a", joinsEachOther, [x]);
    x.task = m.spawn("b", joinsEachOther, [y]);
  });
  expect(r.findings).toEqual(["deadlock: a waits (join b) for b; b waits (join a) for a"]);
});

function* chooses(c: Cell) {
  const n = yield* choose(3);
  yield* writeOnce(c, n);
  assert(n !== 2, "never two");
}

test("the environment tries everything", () => {
  const r = explore((m) => m.spawn("t", chooses, [cell("c")]), { observe: value("c") });
  expect(r.ends).toEqual(["0", "1"]);
  expect(r.findings).toEqual(["assertion: never two"]);
});

function* waitsForever() {
  yield* never();
}
function* waitsForOne(c: Cell) {
  yield* until(() => c.value === 1, c);
}

test("daemons may wait for ever, others may not", () => {
  const run = (daemon: boolean) => explore((m) => m.spawn("t", waitsForever, [], { daemon })).findings;
  expect(run(true)).toEqual([]);
  expect(run(false)).toEqual(["deadlock: t waits (wait for ever)"]);
  expect(explore((m) => m.spawn("t", waitsForOne, [cell("c")])).findings).toEqual(["deadlock: t waits (wait for c)"]);
});

function* bumps(c: Cell) {
  yield* fetchAdd(c, 1);
  progress();
  yield* fetchAdd(c, 1);
}

test("invariants hold after every step, final checks at the end", () => {
  const run = (limit: number, end: number) =>
    explore((m) => {
      const c = cell("c");
      m.spawn("t", bumps, [c]);
      m.invariant("below the limit", () => c.value < limit || `c is ${c.value}`, "policy");
      m.atEnd("at the end", () => c.value === end);
    }).findings;
  expect(run(3, 2)).toEqual([]);
  expect(run(2, 2)).toEqual(["policy: c is 2"]);
  expect(run(3, 3)).toEqual(['leak: "at the end" does not hold']);
});

test("a snapshot is the whole state", () => {
  onMachine(
    setupProgram((m) => m.spawn("t", parent, [cell("c")], { children: 2 })),
    { stackWords: 48 },
    (m) => {
      const start = m.snapshot();
      const run = (): string[] => {
        const states: string[] = [];
        for (const t of [0, 1, 2, 0])
          while (m.enabled(t)) {
            m.step(t);
            states.push(m.words.join());
          }
        return states;
      };
      const first = run();
      m.restore(start, 0);
      expect(run()).toEqual(first);
      expect(m.stateOf(0)).toBe(DONE);
      const buffer = new Int32Array(m.size + 7);
      m.save(buffer, 7);
      expect(buffer.subarray(7)).toEqual(m.words);
    },
  );
});

function* deep(n: number): Generator<unknown, number, unknown> {
  if (n === 0) return 0;
  const below = (yield* deep(n - 1)) as number;
  return below + 1;
}
function* needsStack(c: Cell) {
  const n = yield* deep(40);
  yield* writeOnce(c, n);
}

test("a deep stack is given to whom needs it", () => {
  const r = explore((m) => m.spawn("t", needsStack, [cell("c")]), { observe: value("c") });
  expect(r.ends).toEqual(["40"]);
});

function* holdsMany(list: readonly Mutex[]) {
  for (let i = 0; i < list.length; i++) yield* lock(list[i]);
  for (let i = 0; i < list.length; i++) yield* unlock(list[i]);
}

test("many locks at once are given room", () => {
  const r = explore((m) => m.spawn("t", holdsMany, [Array.from({ length: 9 }, (_, i) => mutex(`l${i}`))]));
  expect(r.verdicts).toEqual(["ok"]);
});

test("names of words", () => {
  const layout = new Layout();
  const at = layout.take(4, "array", "int");
  layout.label(at + 1, 1, "array.second", "int");
  expect([0, 1, 2, 3].map((i) => layout.nameOf(at + i))).toEqual(["array[0]", "array.second", "array[2]", "array[3]"]);
  expect(layout.nameOf(0)).toBe("word 0");
});

test("fingerprints tell words, positions and lengths apart", () => {
  const seen = new Set<string>();
  const note = (words: number[], extra = 0): void => {
    fingerprint(Int32Array.from(words), words.length, extra);
    seen.add(`${hashLow} ${hashHigh}`);
  };
  let n = 0;
  for (let length = 1; length <= 6; length++)
    for (let at = 0; at < length; at++)
      for (const v of [1, 2, -1, 1 << 20]) {
        const words = Array<number>(length).fill(0);
        words[at] = v;
        note(words);
        note(words, 1);
        n += 2;
      }
  expect(seen.size).toBe(n);
});

function* tries(l: Mutex, won: Cell, me: number) {
  if (yield* trylock(l)) yield* writeOnce(won, me);
}

test("two who try for one lock", () => {
  const r = exploreBoth((m) => {
    const [l, won] = [mutex("l"), cell("won")];
    m.spawn("a", tries, [l, won, 1]);
    m.spawn("b", tries, [l, won, 2]);
  }, value("won"));
  expect(r.ends).toEqual(["1", "2"]);
});
