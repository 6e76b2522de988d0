/** LRU lists as doubly linked lists of frames: new folios at the head, reclaim at the tail. lru_lock of the node held. */
import type { Kernel } from "./kernel.ts";
import { LRU_ACTIVE_ANON, LRU_INACTIVE_ANON, LRU_INACTIVE_FILE, LRU_UNEVICTABLE, NR_LRU_LISTS } from "./lruTypes.ts";
import { type Pfn, PG_active, PG_swapbacked, PG_unevictable, pageToNid } from "./page.ts";

/** folio_lru_list: which list it belongs to by its flags. */
export function folioLruList(k: Kernel, pfn: Pfn): number {
  const flags = k.frames.flags[pfn];
  if ((flags & PG_unevictable) !== 0) return LRU_UNEVICTABLE;
  const base = (flags & PG_swapbacked) !== 0 ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE;
  return base + ((flags & PG_active) !== 0 ? LRU_ACTIVE_ANON : 0);
}

const listOf = (k: Kernel, pfn: Pfn): number => pageToNid(k, pfn) * NR_LRU_LISTS + folioLruList(k, pfn);

/** lruvec_add_folio: becomes the newest. */
export function listAdd(k: Kernel, pfn: Pfn): void {
  const { next, prev } = k.frames;
  const { head, tail, size } = k.lru.lists;
  const list = listOf(k, pfn);
  next[pfn] = head[list];
  prev[pfn] = 0;
  if (head[list] !== 0) prev[head[list] - 1] = pfn + 1;
  else tail[list] = pfn + 1;
  head[list] = pfn + 1;
  size[list]++;
}

/** lruvec_del_folio: its flags must still be those of the list that it is on. */
export function listDel(k: Kernel, pfn: Pfn): void {
  const { next, prev } = k.frames;
  const { head, tail, size } = k.lru.lists;
  const list = listOf(k, pfn);
  if (prev[pfn] !== 0) next[prev[pfn] - 1] = next[pfn];
  else head[list] = next[pfn];
  if (next[pfn] !== 0) prev[next[pfn] - 1] = prev[pfn];
  else tail[list] = prev[pfn];
  next[pfn] = 0;
  prev[pfn] = 0;
  size[list]--;
}
