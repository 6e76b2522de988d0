/**
 * How many pins of each frame have an owner, for checks: GUP-fast grabs a page first and looks afterwards whether it should
 * have, so that the count of references alone does not tell a pin from an attempt. On where the kernel was made with
 * `watchPtes`.
 *
 *   slow: the reference is taken under the page-table lock, after all tests ─▶ held
 *   fast: reference ─▶ same entry? no fork meanwhile? ─▶ held                    unpin: not held ─▶ reference dropped
 */
import { column, columns } from "../machine/columns.ts";
import { must } from "../machine/finding.ts";
import type { Kernel } from "./kernel.ts";
import { type Pfn, ZERO_PFN } from "./page.ts";

export type PinsHeld = ReturnType<typeof createPinsHeld>;

/** Set-up. */
export function createPinsHeld(frames: number) {
  return columns("pinsHeld", frames, { count: column({ ordered: "read by checks only" }) });
}

/** The zero page is never pinned. */
export function notePin(k: Kernel, pfn: Pfn): void {
  if (k.pinsHeld !== null && pfn !== ZERO_PFN) k.pinsHeld.count[pfn]++;
}

export function noteUnpin(k: Kernel, pfn: Pfn): void {
  if (k.pinsHeld === null || pfn === ZERO_PFN) return;
  must(k.pinsHeld.count[pfn] > 0, "assertion", `frame ${pfn} is unpinned, and nobody has pinned it`);
  k.pinsHeld.count[pfn]--;
}
