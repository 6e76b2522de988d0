/** The rule that references go back: when all is done, every folio has exactly those that somebody can name. */
import type { Machine } from "../../machine/machine.ts";
import type { PageSlot } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { type Folio, GUP_PIN_COUNTING_BIAS } from "./page.ts";

/** What a driver still holds at the end: pages that it has pinned, and memory that it has allocated. */
export interface Holdings {
  readonly pinned: readonly PageSlot[];
  readonly memory: readonly (Folio | null)[];
}

/**
 * Set-up: at the end each folio has one reference for each page table and cache that leads to it, and those that the
 * drivers hold; else `leak`. A free folio has none.
 */
export function claimReferences(m: Machine, k: Kernel, holdings: () => Holdings): void {
  m.atEnd("references", () => {
    const { pinned, memory } = holdings();
    for (const folio of k.folios) {
      const cached = folio.mapping?.slots[folio.index].folio === folio ? 1 : 0;
      const pins = pinned.filter((slot) => slot.folio === folio).length;
      const own = memory.filter((f) => f === folio).length;
      const expected = folio.mapcount.value + cached + pins * GUP_PIN_COUNTING_BIAS + own;
      const found = folio.refcount.value;
      if (found !== expected) return `${folio.name} ends with ${found} references, and only ${expected} have an owner`;
    }
    return true;
  });
}
