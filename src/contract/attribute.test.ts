/** Each row of the table has a finding that it is there for, and that no row above it takes. */
import { expect, test } from "vitest";
import { ATTRIBUTION, type Evidence, ruleOf, USERSPACE } from "./attribute.ts";

const other = "main/1";
const e = (verdict: Evidence["verdict"], more: Partial<Evidence> = {}): Evidence => ({
  ...{ entry: "munmap", verdict, message: "", stack: [], task: other, sinceCallback: false },
  ...more,
});
const locks = "a waits (lock device.lock) for b; b waits (lock mm.mmapLock) for a";

const EXAMPLES: readonly (readonly [string, Evidence])[] = [
  ["C11", e("deadlock", { message: "a waits (lock folio folio.lock[1]) for b" })],
  ["C10", e("deadlock", { message: locks, stack: ["exitMmap"] })],
  ["C14", e("deadlock", { entry: "order-last", message: "a waits (wait for a condition) for b" })],
  ["C02", e("deadlock", { message: "a waits (wait for device.requests) for itself", stack: ["performReclaim"] })],
  // The name of a task says nothing.
  ["C01", e("deadlock", { message: "kworker/x waits (lock device.lock) for itself", stack: ["performReclaim"] })],
  ["C02", e("deadlock", { message: locks })],
  ["C08", e("livelock")],
  ["C06", e("atomic-sleep")],
  ["C16", e("leak", { entry: "allocation-fails" })],
  ["C13", e("leak")],
  ["C05", e("missed-notification")],
  ["C09", e("use-after-free", { message: "the object device is used, and it is gone" })],
  ["C04", e("use-after-free", { message: "frame 1 is used, and it is free", stack: ["setPageDirty", "map"] })],
  ["C04", e("stale-mapping", { task: USERSPACE })],
  ["C18", e("stale-mapping", { message: "device may write page 1, which is read-only" })],
  ["C17", e("stale-mapping", { entry: "two-processes" })],
  ["C03", e("stale-mapping")],
  ["C03", e("use-after-free", { message: "the device writes to frame 1, which was freed since it was mapped" })],
  ["C12", e("lost-write")],
  ["C19", e("data-race")],
  ["C16", e("assertion", { entry: "allocation-fails" })],
];

test.each(EXAMPLES.map((row, i) => [i, ...row] as const))("row %i is rule %s", (i, rule, evidence) => {
  expect(ATTRIBUTION.findIndex((row) => row.verdict === evidence.verdict && row.fits(evidence))).toBe(i);
  expect(ruleOf(evidence)).toBe(rule);
});

test("every row has an example", () => {
  expect(EXAMPLES).toHaveLength(ATTRIBUTION.length);
});

test("a free page that is used in a callback, or of which there were too many puts, is not rule C04", () => {
  const message = "frame 1 is used, and it is free";
  for (const name of ["invalidateRangeStart", "unpinUserPages"]) {
    expect(ruleOf(e("use-after-free", { message, stack: [name] }))).toBe("C03");
  }
});

test("a driver's own assertion is no rule's", () => {
  expect(ruleOf(e("assertion"))).toBeNull();
});
