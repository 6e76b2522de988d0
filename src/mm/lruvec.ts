/** Looking at lruvecs: which one a folio belongs to, how long its lists are. */
import type { Kernel } from "./kernel.ts";
import { LRU_ZONES, NR_LRU_LISTS } from "./lruTypes.ts";
import { folioMemcg, type Pfn, pageToNid } from "./page.ts";
import { ZONE_MOVABLE } from "./zone.ts";

/** mem_cgroup_lruvec. */
export const lruvecAt = (k: Kernel, memcg: number, nid: number): number => memcg * k.nodes + nid;
export const lruvecMemcg = (k: Kernel, lruvec: number): number =>
  k.nodes === 1 ? lruvec : Math.floor(lruvec / k.nodes);
export const lruvecNid = (k: Kernel, lruvec: number): number => (k.nodes === 1 ? 0 : lruvec % k.nodes);

/** folio_lruvec. */
export function folioLruvec(k: Kernel, pfn: Pfn): number {
  return folioMemcg(k, pfn) * k.nodes + pageToNid(k, pfn);
}

/** lruvec_lru_size: folios of one list of one lruvec in zones up to `highest`. */
export function lruvecLruSize(k: Kernel, lruvec: number, lru: number, highest: number): number {
  const list = lruvec * NR_LRU_LISTS + lru;
  if (!k.lru.zoned || highest >= ZONE_MOVABLE) return k.lru.lists.size[list];
  const { size } = k.lru.zoneSizes;
  let n = 0;
  for (let type = 0; type <= highest; type++) n += size[list * LRU_ZONES + type];
  return n;
}

/** Is `memcg` below `ancestor`, or that itself (mem_cgroup_is_descendant)? */
export function isDescendant(k: Kernel, memcg: number, ancestor: number): boolean {
  for (let at = memcg; at >= 0; at = k.memcgParents[at]) if (at === ancestor) return true;
  return false;
}

/** node_page_state of a list: of the whole node, as it is now. */
export function nodePageState(k: Kernel, nid: number, lru: number): number {
  const { size } = k.lru.lists;
  let n = 0;
  for (let memcg = 0; memcg < k.memcgParents.length; memcg++) n += size[(memcg * k.nodes + nid) * NR_LRU_LISTS + lru];
  return n;
}
