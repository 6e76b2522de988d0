/** What a case says of its drivers: which references are theirs at the end, and that their devices are where the CPU is. */

import type { Broken } from "../../machine/finding.ts";
import type { Machine } from "../../machine/machine.ts";
import { isUnusedSwapCache } from "../checkSwap.ts";
import { namedReferences } from "../checks.ts";
import type { Pages } from "../gup.ts";
import { HMM_WRITE } from "../hmm.ts";
import type { Kernel } from "../kernel.ts";
import type { Mm } from "../mmTypes.ts";
import { GUP_PIN_COUNTING_BIAS, type Pfn, PG_buddy, type Vpn, ZERO_PFN } from "../page.ts";
import { pteAt, ptePfn, pteReadable, pteWrite } from "../pageTable.ts";

/** What a driver may still have when the last task has ended. Entries of 0 are empty. */
export interface Holdings {
  /** Arrays of pages with a pin each, or with a plain reference each. */
  readonly pinned?: readonly Pages[];
  readonly got?: readonly Pages[];
  /** Memory that it has allocated. */
  readonly memory?: () => readonly Pfn[];
}

const claims = new WeakMap<Kernel, Holdings[]>();

/** Set-up: these are somebody's at the end. Any other reference that has not gone back is a `leak`. */
export function claimReferences(k: Kernel, holdings: Holdings): void {
  const known = claims.get(k);
  if (known) known.push(holdings);
  else claims.set(k, [holdings]);
}

/**
 * For the end of a run: the first frame with other references than can be named, in words. `shared`: there are processes or
 * files, so page tables, caches and LRU batches account for references; else only claims do.
 */
export function referencesHeld(k: Kernel, shared: boolean): string | null {
  const held = new Int32Array(k.frames.count);
  held[ZERO_PFN] = k.frames.refcount[ZERO_PFN];
  for (const { pinned = [], got = [], memory } of claims.get(k) ?? []) {
    for (const pages of pinned) addAll(held, pages, GUP_PIN_COUNTING_BIAS);
    for (const pages of got) addAll(held, pages, 1);
    for (const pfn of memory?.() ?? []) if (pfn > 0) held[pfn]++;
  }
  for (let pfn = 1; pfn < held.length; pfn++) {
    const found = k.frames.refcount[pfn];
    // With swap full, nobody looks for folios that are kept for slots without users.
    const expected = held[pfn] + (shared || isUnusedSwapCache(k, pfn) ? namedReferences(k, pfn) : 0);
    if (found !== expected) return `frame ${pfn} ends with ${found} references, and ${expected} have an owner`;
    if (k.frames.lock[pfn] !== 0) return `frame ${pfn} ends locked`;
  }
  return null;
}

function addAll(held: Int32Array, pages: Pages, each: number): void {
  for (const pfn of pages.pfn) if (pfn > 0) held[pfn] += each;
}

/** An entry of a device's page table: pfn << 2 | HMM_WRITE | HMM_VALID, as from hmmRangeFault; 0 = nothing. */
export type DeviceEntry = number;

/**
 * Set-up: the driver `name` claims that its device never may do to a page of `mm` what the process may not do; tested after
 * every step. So it must let go before the process does (in the callback), and may not come back before the section ends.
 * `entries`: its page table now, from page `start` on.
 */
export function claimCoherence(
  m: Machine,
  k: Kernel,
  mm: Mm,
  start: Vpn,
  name: string,
  entries: () => ArrayLike<DeviceEntry>,
  verdict: Broken = "stale-mapping",
): void {
  const test = (): string | true => {
    const table = entries();
    for (let i = 0; i < table.length; i++) {
      const wrong = table[i] === 0 ? null : incoherence(k, mm, start + i, table[i]);
      if (wrong !== null) return `${name} ${wrong}`;
    }
    return true;
  };
  m.invariant(`${name} maps what the process maps`, test, verdict);
}

function incoherence(k: Kernel, mm: Mm, vpn: Vpn, entry: DeviceEntry): string | null {
  const pfn = entry >> 2;
  if ((k.frames.flags[pfn] & PG_buddy) !== 0) return `uses frame ${pfn}, which is free`;
  const pte = pteAt(k, mm, vpn);
  if (!pteReadable(pte) || ptePfn(pte) !== pfn) {
    const there = pteReadable(pte) ? `frame ${ptePfn(pte)}` : "nothing";
    return `maps frame ${pfn} at page ${vpn}, where the process has ${there}`;
  }
  return (entry & HMM_WRITE) !== 0 && !pteWrite(pte)
    ? `may write to page ${vpn}, and the process may only read it`
    : null;
}
