import { expect, test } from "vitest";
import { unchecked } from "../machine/core.ts";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { chargesAndExits, type Readings } from "./kmem.testkit.ts";
import { ANON_VMA_BYTES, ANON_VMA_CHAIN_BYTES, VM_AREA_BYTES } from "./kmem.ts";
import { drainStock } from "./memcgStock.ts";
import { createProcess } from "./mmUsers.ts";

/** What the cgroup is charged, its stock not counted, after each step of the process. */
function readings(max?: number): { readings: Readings; atEnd: number; k: Kernel } {
  const got: Readings = { usage: [], bytes: [], errors: [] };
  let kernel: Kernel | null = null;
  const m = buildSequential((machine) => {
    const k = createKernel(machine, {
      frames: 64,
      nodes: 1,
      tables: 16,
      mms: 1,
      processes: 1,
      vmas: 4,
      memcgs: [max === undefined ? {} : { max }],
      gatherPages: 8,
    });
    kernel = k;
    const look = (): void => {
      got.usage.push(unchecked(() => k.memcgs.usage[1] - (k.state.stockMemcg === 1 ? k.state.stockPages : 0)));
      got.bytes.push(unchecked(() => k.state.objStockBytes));
    };
    const noted = (error: number): void => void got.errors.push(error);
    machine.spawn("P", chargesAndExits, [k, createProcess(k), machine.keep({ look, noted })]);
  });
  const finding = runSequentially(m);
  if (finding) throw finding;
  const k = kernel as unknown as Kernel;
  const atEnd = unchecked(() => {
    drainStock(k);
    return k.memcgs.usage[1];
  });
  return { readings: got, atEnd, k };
}

test("structs by the byte from a page, tables and pages by the page; who joined before pays nothing for the past", () => {
  const { readings: got, atEnd } = readings();
  // Joined; mapped: the page that the VMA is in; touched: the page and three levels of tables; another page in the same table.
  expect(got.usage).toEqual([0, 1, 5, 6, 1]);
  const vma = 4096 - VM_AREA_BYTES;
  const anon = vma - ANON_VMA_BYTES - ANON_VMA_CHAIN_BYTES;
  expect(got.bytes).toEqual([0, vma, anon, anon, 4096]);
  expect(got.errors).toEqual([0, 0]);
  // The last page of structs stays in the stock of bytes.
  expect(atEnd).toBe(1);
});

test("a table that cannot be charged is not made, and the fault fails", () => {
  const { readings: got, k } = readings(3);
  expect(got.errors[0]).toBeLessThan(0);
  expect(unchecked(() => k.state.tablesInUse)).toBe(0);
  expect(got.usage.at(-1)).toBe(1);
});
