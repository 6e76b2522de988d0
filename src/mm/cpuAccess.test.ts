import { expect, test } from "vitest";
import { buildSequential } from "../machine/sequential.ts";
import { NOT_RESIDENT, userReadResident, userWriteResident } from "./cpuAccess.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import { mkPte, PTE_DIRTY, PTE_PROTNONE, PTE_WRITE, PTE_YOUNG, pteAt, pteBits, pteSlot } from "./pageTable.ts";
import { installTables } from "./pteAlloc.ts";
import { createProcess } from "./syscalls.ts";

const AT = (1 << 20) + 517;
const FRAME = 7;

/** Page AT is mapped to FRAME, which holds 42, with these bits. */
function mapped(bits: number): { k: Kernel; mm: Mm } {
  const made: { k?: Kernel; mm?: Mm } = {};
  buildSequential((m) => {
    const k = createKernel(m, { frames: 16 });
    const mm = createProcess(m, k, "P").mm as Mm;
    expect(installTables(k, mm, AT)).toBe(true);
    k.tables.entry[pteSlot(k, mm, AT)] = mkPte(FRAME, bits);
    k.frames.content[FRAME] = 42;
    Object.assign(made, { k, mm });
  }).activate();
  return made as { k: Kernel; mm: Mm };
}

test("a load sets the accessed bit and nothing else", () => {
  const { k, mm } = mapped(0);
  expect(userReadResident(k, mm, AT)).toBe(42);
  expect(pteAt(k, mm, AT)).toBe(mkPte(FRAME, PTE_YOUNG));
});

test("a store sets accessed and dirty, and the content", () => {
  const { k, mm } = mapped(PTE_WRITE);
  expect(userWriteResident(k, mm, AT, 43)).toBe(true);
  expect(k.frames.content[FRAME]).toBe(43);
  expect(pteBits(pteAt(k, mm, AT)) & (PTE_YOUNG | PTE_DIRTY)).toBe(PTE_YOUNG | PTE_DIRTY);
});

test("without the right for it a store changes neither entry nor content", () => {
  for (const bits of [0, PTE_WRITE | PTE_PROTNONE]) {
    const { k, mm } = mapped(bits);
    expect(userWriteResident(k, mm, AT, 43)).toBe(false);
    expect(k.frames.content[FRAME]).toBe(42);
    expect(pteAt(k, mm, AT)).toBe(mkPte(FRAME, bits));
  }
});

test("no entry, no table and PROT_NONE need a fault", () => {
  const { k, mm } = mapped(PTE_PROTNONE);
  expect(userReadResident(k, mm, AT)).toBe(NOT_RESIDENT);
  for (const at of [AT + 1, AT + 512, AT + (1 << 18), AT + (1 << 20)]) {
    expect(userReadResident(k, mm, at)).toBe(NOT_RESIDENT);
    expect(userWriteResident(k, mm, at, 1)).toBe(false);
  }
});
