/** Rules of memory cgroups, for checks.ts: what a page counter has is somewhere. */
import type { Kernel } from "./kernel.ts";
import { folioMemcg, PG_buddy } from "./page.ts";

const PAGE = 4096;

/**
 * memory.current of each cgroup, with those below: folios, page tables, the stock of the CPU, and pages for structs of the
 * kernel. It may be more for a moment, never less. `atEnd`: no struct is left, so that the rest is what is kept as a
 * remainder of pages for structs, to the byte. The first cgroup that is wrong, in words; null = none.
 */
export function checkCharges(k: Kernel, atEnd: boolean): string | null {
  if (k.memcgParents.length === 1) return null;
  const pages = sumUp(k, knownPages(k));
  const spare = sumUp(k, spareBytes(k));
  const { usage } = k.memcgs;
  for (let memcg = 1; memcg < usage.length; memcg++) {
    const structs = (usage[memcg] - pages[memcg]) * PAGE - spare[memcg];
    if (structs >= 0 && (!atEnd || structs === 0)) continue;
    return `cgroup ${memcg} is charged ${usage[memcg]} pages, ${pages[memcg]} are known, and ${structs} bytes are structs`;
  }
  return null;
}

function knownPages(k: Kernel): number[] {
  const own = k.memcgParents.map(() => 0);
  const { flags, count } = k.frames;
  for (let pfn = 1; pfn < count; pfn++) if ((flags[pfn] & PG_buddy) === 0) own[folioMemcg(k, pfn)]++;
  for (const memcg of k.kmem.tables.payer) own[memcg]++;
  own[k.state.stockMemcg] += k.state.stockPages;
  return own;
}

function spareBytes(k: Kernel): number[] {
  const own = k.memcgParents.map((_, memcg) => k.kmem.memcgs.bytes[memcg]);
  own[k.state.objStockMemcg] += k.state.objStockBytes;
  return own;
}

/** With what is below: parents come before their children. */
function sumUp(k: Kernel, own: number[]): number[] {
  for (let memcg = own.length - 1; memcg > 0; memcg--) own[k.memcgParents[memcg]] += own[memcg];
  return own;
}
