/** What the uses of a folio mean for reclaim (folio_check_references in mm/vmscan.c), as a table. */
import { REFERENCED_CONTENDED, referencedExec, referencedLocked, referencedPtes } from "./folioReferenced.ts";
import type { Kernel } from "./kernel.ts";
import { hasFlag, type Pfn, PG_referenced, PG_swapbacked, setFlag, testClearFlag } from "./page.ts";

// enum folio_references.
export const FOLIOREF_RECLAIM = 0;
/** Only if it need not be written first. */
export const FOLIOREF_RECLAIM_CLEAN = 1;
export const FOLIOREF_KEEP = 2;
export const FOLIOREF_ACTIVATE = 3;

/**
 * The table, first match wins. `ptes`: VMAs through which it was used since the last look, REFERENCED_CONTENDED = not known;
 * `flag`: PG_referenced was set, which the look has cleared.
 *
 *   a locked VMA maps it                  activate: it will be found to be mlocked
 *   not known                             keep
 *   used, and used before or twice        activate     (PG_referenced is set again)
 *   used once, as code of a file          activate
 *   used once                             keep
 *   not used now, but before, of a file   reclaim if clean
 *   else                                  reclaim
 */
export function folioReferences(locked: boolean, ptes: number, flag: boolean, exec: boolean, file: boolean): number {
  if (locked) return FOLIOREF_ACTIVATE;
  if (ptes === REFERENCED_CONTENDED) return FOLIOREF_KEEP;
  if (ptes > 0) return flag || ptes > 1 || (exec && file) ? FOLIOREF_ACTIVATE : FOLIOREF_KEEP;
  return flag && file ? FOLIOREF_RECLAIM_CLEAN : FOLIOREF_RECLAIM;
}

/** folio_check_references: `r` is what `folioReferenced` has just answered. Folio locked. */
export function folioCheckReferences(k: Kernel, pfn: Pfn, r: number): number {
  const flag = testClearFlag(k, pfn, PG_referenced);
  const locked = referencedLocked(r);
  const ptes = referencedPtes(r);
  if (!locked && ptes > 0) setFlag(k, pfn, PG_referenced);
  return folioReferences(locked, ptes, flag, referencedExec(r), !hasFlag(k, pfn, PG_swapbacked));
}
