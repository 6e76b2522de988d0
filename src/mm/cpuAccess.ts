/**
 * Loads and stores of user code that need no fault, as plain functions: what the CPU does with an entry that allows the
 * access. Whoever gets "no" goes on with `userRead` or `userWrite` of memory.ts, which are task code.
 *
 *   vpn ─▶ pgd ─▶ pud ─▶ pmd ─▶ pte ─rights?─▶ accessed (and dirty) bit ─▶ content of the frame
 *
 * They read the words of the machine directly: no lock and no scheduling point, as no CPU asks for one. The tables walked
 * are those of the active machine.
 */
import { W } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import type { Vpn } from "./page.ts";
import { PTE_DIRTY, PTE_PRESENT, PTE_PROTNONE, PTE_WRITE, PTE_YOUNG, ptePfn } from "./pageTable.ts";

/** What `userReadResident` answers when the access needs a fault: no content is that large. */
export const NOT_RESIDENT = 2 ** 31;

/** Word of the pte of `vpn`, 0 when there is no table for it. */
function pteWord(k: Kernel, mm: Mm, vpn: Vpn): number {
  const { tableShift, windowShift } = k;
  const first = k.words.pte;
  const mask = (1 << tableShift) - 1;
  const { pgd } = mm;
  if (pgd === 0) return 0;
  const pud = W[first + (pgd << tableShift) + (vpn >> windowShift)];
  if (pud === 0) return 0;
  const pmd = W[first + (pud << tableShift) + ((vpn & ((1 << windowShift) - 1)) >> (2 * tableShift))];
  if (pmd === 0) return 0;
  const table = W[first + (pmd << tableShift) + ((vpn >> tableShift) & mask)];
  return table === 0 ? 0 : first + (table << tableShift) + (vpn & mask);
}

/** A load from page `vpn` of `mm`: its content, or NOT_RESIDENT. */
export function userReadResident(k: Kernel, mm: Mm, vpn: Vpn): number {
  const at = pteWord(k, mm, vpn);
  if (at === 0) return NOT_RESIDENT;
  const pte = W[at];
  if ((pte & (PTE_PRESENT | PTE_PROTNONE)) !== PTE_PRESENT) return NOT_RESIDENT;
  if ((pte & PTE_YOUNG) === 0) W[at] = pte | PTE_YOUNG;
  return W[k.words.content + ptePfn(pte)];
}

const WRITABLE = PTE_PRESENT | PTE_WRITE;
const WRITTEN = PTE_YOUNG | PTE_DIRTY;

/** A store to page `vpn` of `mm`. False = not done: it needs a fault. */
export function userWriteResident(k: Kernel, mm: Mm, vpn: Vpn, content: number): boolean {
  const at = pteWord(k, mm, vpn);
  if (at === 0) return false;
  const pte = W[at];
  if ((pte & (WRITABLE | PTE_PROTNONE)) !== WRITABLE) return false;
  if ((pte & WRITTEN) !== WRITTEN) W[at] = pte | WRITTEN;
  W[k.words.content + ptePfn(pte)] = content;
  return true;
}
