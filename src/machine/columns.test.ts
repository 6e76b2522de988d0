import { expect, test } from "vitest";
import { type Columns, column, columns } from "./columns.ts";
import { explore, exploreBoth } from "./explore.testkit.ts";
import { lockFolio, trylockFolio, unlockFolio } from "./folioLock.ts";
import { Machine } from "./machine.ts";
import { lock, type Mutex, mutex, unlock } from "./mutex.ts";
import { until } from "./wait.ts";

const fields = (l?: () => Mutex) => ({
  refcount: column({ ordered: "changed under the folio lock only", initial: 1 }),
  locked: column({ ordered: "the folio lock itself" }),
  lru: column(l ? { guardedBy: l } : { ordered: "not used" }),
});
type Folio = Columns<ReturnType<typeof fields>>;

function* get(folio: Folio, pfn: number, times: number) {
  for (let i = 0; i < times; i++) {
    yield* lockFolio(folio.wordOf("locked", pfn));
    folio.refcount[pfn]++;
    yield* unlockFolio(folio.wordOf("locked", pfn));
  }
}

test("views follow the words through set-up and sealing, by name", () => {
  const m = Machine.build((m) => {
    const folio = columns("folio", 5000, fields());
    folio.refcount[4999] = 7;
    // Grows the array, so that the words move.
    const more = columns("more", 70_000, { x: column({ ordered: "test" }) });
    more.x[69_999] = 3;
    m.spawn("t", get, [folio, 4999, 1]);
    m.invariant("in step", () => folio.refcount[4999] >= 7 && more.x[69_999] === 3);
  });
  const folio = m.handles.find((h) => (h as Folio).name === "folio") as Folio;
  m.activate();
  expect(folio.refcount).toHaveLength(5000);
  expect([folio.refcount[0], folio.refcount[4999], folio.count]).toEqual([1, 7, 5000]);
  m.step(0);
  expect(folio.refcount[4999]).toBe(8);
  expect(m.words[folio.wordOf("refcount", 4999)]).toBe(8);
  expect(m.layout.nameOf(folio.wordOf("refcount", 4999))).toBe("folio.refcount[4999]");
});

test("a column is as good as fields", () => {
  const r = exploreBoth((m) => {
    const folio = columns("folio", 2, fields());
    m.spawn("a", get, [folio, 1, 2]);
    m.spawn("b", get, [folio, 1, 1]);
    m.atEnd("all counted", () => folio.refcount[1] === 4 && folio.refcount[0] === 1);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

function* tries(folio: Folio) {
  if (yield* trylockFolio(folio.wordOf("locked", 0))) yield* unlockFolio(folio.wordOf("locked", 0));
  else folio.refcount[0] = 100;
}

test("a lock in a column can be tried", () => {
  const r = exploreBoth(
    (m) => {
      const folio = columns("folio", 2, fields());
      m.spawn("a", get, [folio, 0, 1]);
      m.spawn("b", tries, [folio]);
    },
    (m) => String((m.handles.find((h) => (h as Folio).name === "folio") as Folio).refcount[0]),
  );
  expect(r.ends).toEqual(["100", "2"]);
});

function* usesLru(folio: Folio, l: Mutex, locked: boolean) {
  if (locked) yield* lock(l);
  folio.lru[0] = 1;
  if (locked) yield* unlock(l);
}

test("a guarded column needs its lock", () => {
  const run = (locked: boolean) =>
    explore((m) => {
      const l = mutex("lru_lock");
      m.spawn("t", usesLru, [
        columns(
          "folio",
          2,
          fields(() => l),
        ),
        l,
        locked,
      ]);
    });
  expect(run(true).verdicts).toEqual(["ok"]);
  expect(run(false).findings).toEqual(["data-race: t uses folio.lru without holding lru_lock"]);
});

function* waitsForCount(folio: Folio) {
  yield* until(() => folio.refcount[0] === 2);
}

test("a condition on a column is known to depend on it", () => {
  const r = exploreBoth((m) => {
    const folio = columns("folio", 2, fields());
    m.spawn("w", waitsForCount, [folio]);
    m.spawn("g", get, [folio, 0, 1]);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

test("misuse", () => {
  const misuse = (f: (folio: Folio) => unknown) => () => Machine.build(() => f(columns("folio", 2, fields())));
  expect(misuse(() => columns("x", 1, { a: column({}) }))).toThrow("MF0212");
  expect(misuse((folio) => folio.wordOf("refcount", 2))).toThrow("MF0213");
  expect(misuse((folio) => folio.wordOf("nonsense" as "lru", 0))).toThrow("MF0213");
});
