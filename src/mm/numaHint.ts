/** Which entries NUMA balancing makes inaccessible, to see who uses their pages (change_pte_range with prot_numa). */
import { immediately, type Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import { isCowMapping, type Vma } from "./mmTypes.ts";
import { folioMapcount, folioRefCount, hasFlag, PG_anon, PG_dirty, PG_swapbacked } from "./page.ts";
import { type Pte, ptePfn, pteProtnone, pteSpecial } from "./pageTable.ts";

const answer = (value: boolean): Task<boolean> => immediately(value) as never;

/**
 * Not again, no special pages, no dirty pages of files, and no private pages that more than this mapping uses: migration would
 * refuse them. Page-table lock held.
 */
export function numaMayHint(k: Kernel, vma: Vma, pte: Pte): Task<boolean> {
  if (pteProtnone(pte) || pteSpecial(pte)) return answer(false);
  const { flags } = k.frames;
  const pfn = ptePfn(pte);
  const ofFile = (flags[pfn] & (PG_anon | PG_swapbacked)) === 0;
  if (ofFile && hasFlag(k, pfn, PG_dirty)) return answer(false);
  return isCowMapping(vma.flags) ? isUnshared(k, pfn) : answer(true);
}

/** Before v5.17 a pin did not count: nobody else mapped the page (80d47f5de5e3). */
function* isUnshared(k: Kernel, pfn: number): Task<boolean> {
  return (k.rules.numaCounts === "references" ? yield* folioRefCount(k, pfn) : yield* folioMapcount(k, pfn)) === 1;
}
