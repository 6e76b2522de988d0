/** rss_stat: how many pages of each kind an mm maps. */
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import { hasFlag, type Pfn, PG_anon, PG_swapbacked } from "./page.ts";

/** mm_counter of the page's kind += n. */
export function rssAdd(k: Kernel, mm: Mm, pfn: Pfn, n: number): void {
  if (hasFlag(k, pfn, PG_anon)) mm.rssAnon += n;
  else if (hasFlag(k, pfn, PG_swapbacked)) mm.rssShmem += n;
  else mm.rssFile += n;
}
