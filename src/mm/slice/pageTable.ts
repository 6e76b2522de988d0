/** Page tables: one entry for each virtual page of an address space, all guarded by the page-table lock of the mm. */
import type { Handle } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { bool, int, ref, struct } from "../../machine/struct.ts";
import type { Mapping } from "./mapping.ts";
import type { Mm } from "./mm.ts";
import type { Folio, Vpn } from "./page.ts";

/** pte_none: nothing was ever there, or it is to be found through the page cache. */
export const PTE_NONE = 0;
export const PTE_PRESENT = 1;
/** A swap entry: the content is in swap slot `index` of the mapping, perhaps with a folio in the swap cache. */
export const PTE_SWAP = 2;

export interface Pte extends Handle {
  state: number;
  /** Mapped folio while present, else null. */
  folio: Folio | null;
  writable: boolean;
  /** PG_anon_exclusive of the mapped page, kept in the swap entry: no other mm shares it. */
  exclusive: boolean;
  /** Ghost: invalidation sections open now that cover this entry. */
  announced: number;
  readonly mm: Mm;
  readonly vpn: Vpn;
  readonly mapping: Mapping;
  readonly index: number;
}

const ptl = (pte: Pte) => pte.mm.ptl;
export const pteStruct = struct("pte", {
  state: int({ guardedBy: ptl }),
  folio: ref<Folio>({ guardedBy: ptl }),
  writable: bool({ guardedBy: ptl }),
  exclusive: bool({ guardedBy: ptl }),
  announced: int({ ordered: "ghost: a sum, to which each section adds 1 and takes it away again" }),
});

/** set_pte: `folio` gets mapped. Adding rights needs no announcement. Page-table lock held. */
export function setPte(pte: Pte, folio: Folio, writable: boolean, exclusive: boolean): void {
  pte.state = PTE_PRESENT;
  pte.folio = folio;
  pte.writable = writable;
  pte.exclusive = exclusive;
}

/** ptep_clear_flush: the entry loses all rights, which must have been announced. Page-table lock held. */
export function clearPte(pte: Pte, state: typeof PTE_NONE | typeof PTE_SWAP): void {
  must(pte.announced > 0, "missed-notification", `${pte.name} is cleared outside of an announced range`);
  pte.state = state;
  pte.folio = null;
  pte.writable = false;
  if (state === PTE_NONE) pte.exclusive = false;
}
