import { expect, test } from "vitest";
import { type Cfs, createCfs, TICK_NS } from "./cfs.ts";

const MS = 1_000_000;
const noTick = (): void => {};

/** Two tasks that are both awake; the first has the CPU. */
function two(): Cfs {
  const cfs = createCfs(2);
  cfs.wake(0);
  expect(cfs.pick()).toBe(0);
  cfs.wake(1);
  return cfs;
}

test("who is alone keeps the CPU, whatever ticks", () => {
  const cfs = createCfs(2);
  const ticks: number[] = [];
  cfs.wake(1);
  expect(cfs.pick()).toBe(1);
  cfs.advance(9 * MS, (at) => ticks.push(at));
  expect(ticks).toEqual([TICK_NS, 2 * TICK_NS]);
  expect(cfs.needResched()).toBe(false);
  cfs.block();
  expect(cfs.pick()).toBe(-1);
});

test("a slice of two is 3 ms, and ends with a tick", () => {
  const cfs = two();
  cfs.advance(3.9 * MS, noTick);
  expect(cfs.needResched()).toBe(false);
  cfs.advance(4 * MS, noTick);
  expect(cfs.needResched()).toBe(true);
  expect(cfs.pick()).toBe(1);
});

test("who gets the CPU late before a tick keeps it over that tick", () => {
  const cfs = createCfs(2);
  cfs.wake(0);
  cfs.pick();
  cfs.advance(2.5 * MS, noTick);
  cfs.wake(1);
  expect(cfs.pick()).toBe(1);
  cfs.advance(7.9 * MS, noTick);
  expect(cfs.needResched()).toBe(false);
  cfs.advance(8 * MS, noTick);
  expect(cfs.needResched()).toBe(true);
});

test("who has slept long preempts at once, and is the next; who has just had the CPU does not", () => {
  const cfs = createCfs(3);
  cfs.wake(0);
  cfs.pick();
  cfs.advance(10 * MS, noTick);
  cfs.wake(1);
  expect(cfs.needResched()).toBe(true);
  expect(cfs.pick()).toBe(1);
  // Half a period behind the one that it preempted: when it has run for more than that, it has no bonus left.
  cfs.advance(13.5 * MS, noTick);
  cfs.block();
  expect(cfs.pick()).toBe(0);
  cfs.wake(1);
  expect(cfs.needResched()).toBe(false);
});

test("sleeping is no savings account: a bonus of half a period, however long it was", () => {
  const cfs = createCfs(2);
  cfs.wake(0);
  cfs.pick();
  cfs.advance(1000 * MS, noTick);
  cfs.wake(1);
  expect(cfs.pick()).toBe(1);
  cfs.advance(1004.5 * MS, noTick);
  expect(cfs.needResched()).toBe(true);
  expect(cfs.pick()).toBe(0);
});
