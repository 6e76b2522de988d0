import { expect, test } from "vitest";
import { createCpuTlb } from "./cpuTlb.ts";

const all = () => true;

test("what was looked up is cached until another page takes its place, and then among the victims", () => {
  const tlb = createCpuTlb(4, 2, all);
  expect([tlb.lookup(1), tlb.lookup(1), tlb.lookup(2)]).toEqual([false, true, false]);
  expect([tlb.lookup(5), tlb.lookup(1), tlb.lookup(5)]).toEqual([false, true, true]); // 1 and 5 change places
});

test("the victims are as many as they are: the oldest is forgotten", () => {
  const tlb = createCpuTlb(4, 2, all);
  for (const vpn of [1, 5, 9, 13]) tlb.lookup(vpn); // victims: 5, 9; 1 is forgotten
  expect([tlb.lookup(9), tlb.lookup(5), tlb.lookup(1)]).toEqual([true, true, false]);
});

test("a flush takes one page, wherever it is", () => {
  const tlb = createCpuTlb(4, 2, all);
  for (const vpn of [1, 5, 2]) tlb.lookup(vpn); // 1 among the victims
  tlb.flush(1);
  tlb.flush(2);
  expect([tlb.lookup(5), tlb.lookup(2), tlb.lookup(1)]).toEqual([true, false, false]);
});

test("a page that is not mapped any more was flushed: it takes no place among the victims", () => {
  const unmapped = new Set<number>();
  const tlb = createCpuTlb(4, 1, (vpn) => !unmapped.has(vpn));
  for (const vpn of [1, 5, 2]) tlb.lookup(vpn); // victim: 1
  unmapped.add(2);
  tlb.lookup(6);
  expect(tlb.lookup(1)).toBe(true);
});
