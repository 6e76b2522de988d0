/** LRU lists as doubly linked lists of frames: new folios at the head, reclaim at the tail. lru_lock of the lruvec held. */
import type { Kernel } from "./kernel.ts";
import {
  LRU_ACTIVE_ANON,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_UNEVICTABLE,
  LRU_ZONES,
  NR_LRU_LISTS,
} from "./lruTypes.ts";
import { folioLruvec } from "./lruvec.ts";
import { memcgRstatUpdated } from "./memcgStat.ts";
import { type Pfn, PG_active, PG_swapbacked, PG_unevictable } from "./page.ts";
import { pageZone } from "./zone.ts";

/** folio_lru_list: which list it belongs to by its flags. */
export function folioLruList(k: Kernel, pfn: Pfn): number {
  const flags = k.frames.flags[pfn];
  if ((flags & PG_unevictable) !== 0) return LRU_UNEVICTABLE;
  const base = (flags & PG_swapbacked) !== 0 ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE;
  return base + ((flags & PG_active) !== 0 ? LRU_ACTIVE_ANON : 0);
}

const listOf = (k: Kernel, pfn: Pfn): number => folioLruvec(k, pfn) * NR_LRU_LISTS + folioLruList(k, pfn);

/** lruvec_add_folio: becomes the newest. */
export function listAdd(k: Kernel, pfn: Pfn): void {
  const list = listOf(k, pfn);
  link(k, list, pfn);
  changeSize(k, list, pfn, 1);
  memcgRstatUpdated(k, 1);
}

/** lruvec_add_folio_tail: becomes the next to be looked at. */
export function listAddOldest(k: Kernel, pfn: Pfn): void {
  const { next, prev } = k.frames;
  const { head, tail } = k.lru.lists;
  const list = listOf(k, pfn);
  prev[pfn] = tail[list];
  next[pfn] = 0;
  if (tail[list] !== 0) next[tail[list] - 1] = pfn + 1;
  else head[list] = pfn + 1;
  tail[list] = pfn + 1;
  changeSize(k, list, pfn, 1);
  memcgRstatUpdated(k, 1);
}

/** lruvec_del_folio: its flags must still be those of the list that it is on. */
export function listDel(k: Kernel, pfn: Pfn): void {
  const list = listOf(k, pfn);
  unlink(k, list, pfn);
  changeSize(k, list, pfn, -1);
  memcgRstatUpdated(k, 1);
}

/** list_move to the head of the same list. */
export function listRotate(k: Kernel, list: number, pfn: Pfn): void {
  unlink(k, list, pfn);
  link(k, list, pfn);
}

/** Into the links of `list`, at its head. */
function link(k: Kernel, list: number, pfn: Pfn): void {
  const { next, prev } = k.frames;
  const { head, tail } = k.lru.lists;
  next[pfn] = head[list];
  prev[pfn] = 0;
  if (head[list] !== 0) prev[head[list] - 1] = pfn + 1;
  else tail[list] = pfn + 1;
  head[list] = pfn + 1;
}

/** Out of the links of `list`. */
export function unlink(k: Kernel, list: number, pfn: Pfn): void {
  const { next, prev } = k.frames;
  const { head, tail } = k.lru.lists;
  if (prev[pfn] !== 0) next[prev[pfn] - 1] = next[pfn];
  else head[list] = next[pfn];
  if (next[pfn] !== 0) prev[next[pfn] - 1] = prev[pfn];
  else tail[list] = prev[pfn];
  next[pfn] = 0;
  prev[pfn] = 0;
}

/** update_lru_size, but for telling the statistics of the cgroup. */
export function changeSize(k: Kernel, list: number, pfn: Pfn, n: number): void {
  k.lru.lists.size[list] += n;
  if (k.lru.zoned) k.lru.zoneSizes.size[list * LRU_ZONES + pageZone(k, pfn).type] += n;
}
