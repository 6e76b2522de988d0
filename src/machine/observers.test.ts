import { expect, test } from "vitest";
import { type Cell, cell, readOnce } from "./cell.ts";
import { emit, eventText, type MachineEvent, note, observeEvents, tracing } from "./events.ts";
import { Machine } from "./machine.ts";
import { Counters, Histogram } from "./stats.ts";

function* talks(c: Cell) {
  const n = yield* readOnce(c);
  note("has read");
  note(() => `it was ${n}`);
  emit("mm_vmscan_scan", { nr: n, dirty: false });
}

test("events reach the observer, and nobody when there is none", () => {
  const setup = (m: Machine) => void m.spawn("t", talks, [cell("c", 5)]);
  const events: MachineEvent[] = [];
  const before = observeEvents((e) => events.push(e));
  expect(tracing()).toBe(true);
  const m = Machine.build(setup);
  m.step(0);
  expect(observeEvents(before)).not.toBe(null);
  expect(tracing()).toBe(false);
  Machine.build(setup).step(0);
  expect(events.map((e) => [e.task, eventText(e)])).toEqual([
    [0, "has read"],
    [0, "it was 5"],
    [0, "mm_vmscan_scan: nr=5 dirty=false"],
  ]);
});

test("an event is no part of the state", () => {
  const run = () => {
    const m = Machine.build((m) => void m.spawn("t", talks, [cell("c", 5)]));
    m.step(0);
    return m.words.join();
  };
  const quiet = run();
  observeEvents(() => undefined);
  expect(run()).toBe(quiet);
  observeEvents(null);
});

test("counters", () => {
  const c = new Counters();
  c.count("pgscan");
  c.count("pgscan", 31);
  c.count("pgsteal", 0);
  expect(c.get("pgscan")).toBe(32);
  expect(c.get("nothing")).toBe(0);
  expect(c.entries()).toEqual([
    ["pgscan", 32],
    ["pgsteal", 0],
  ]);
  c.reset();
  expect(c.entries()).toEqual([]);
});

test("quantiles of a histogram are at most an eighth too high and never too low", () => {
  const h = new Histogram();
  const values: number[] = [];
  let x = 12345;
  for (let i = 0; i < 5000; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 1;
    const v = x % 2 ** (1 + (i % 30));
    values.push(v);
    h.add(v);
  }
  values.sort((a, b) => a - b);
  for (const q of [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = values[Math.max(1, Math.ceil(q * values.length)) - 1];
    expect(h.quantile(q)).toBeGreaterThanOrEqual(exact);
    expect(h.quantile(q)).toBeLessThanOrEqual(exact * 1.125);
  }
  expect([h.min, h.max, h.count]).toEqual([values[0], values[values.length - 1], 5000]);
});

test("histograms at the edges of buckets, and merged", () => {
  for (const v of [0, 1, 7, 8, 15, 16, 17, 2 ** 31, 2 ** 40 - 1, 2 ** 40, 2 ** 52, 2 ** 53 - 1]) {
    const h = new Histogram();
    h.add(v);
    expect(h.quantile(0.5)).toBe(v);
    h.add(2 ** 53 - 1);
    expect(h.quantile(0.5)).toBeGreaterThanOrEqual(v);
    expect(h.quantile(0.5)).toBeLessThanOrEqual(Math.max(v * 1.125, v));
  }
  const [a, b] = [new Histogram(), new Histogram()];
  a.add(1);
  b.add(3);
  a.merge(b);
  expect([a.count, a.sum, a.min, a.max, a.mean, a.quantile(1)]).toEqual([2, 4, 1, 3, 2, 3]);
  expect(new Histogram().quantile(0.5)).toBe(0);
});
