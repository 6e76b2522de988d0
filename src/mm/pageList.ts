/** Lists of isolated pages (list_head on the stack): first in, first out, linked by the frames' `next`. */
import type { Handle } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { int, ref, struct } from "../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import type { Pfn } from "./page.ts";

export interface PageList extends Handle {
  /** Frames + 1; 0 = empty. */
  first: number;
  last: number;
  count: number;
  nextFree: PageList | null;
}
const own = { ordered: "on the stack of one task" };
const listStruct = struct("pageList", {
  first: int(own),
  last: int(own),
  count: int(own),
  nextFree: ref<PageList>({ ordered: "slab" }),
});

/** Set-up: `n` lists, the first of a free list of them. */
export function createPageLists(n: number): PageList {
  const all: PageList[] = Array.from({ length: n }, (_, i) => listStruct.create(`pageList${i + 1}`));
  all.forEach((each, i) => {
    each.nextFree = all[i + 1] ?? null;
  });
  return all[0];
}

/** LIST_HEAD(list). Give it back with `freePageListHead`. */
export function newPageList(k: Kernel): PageList {
  const list = k.state.freeList;
  must(list !== null, "assertion", "all lists of pages are in use");
  const taken = list as PageList;
  k.state.freeList = taken.nextFree;
  taken.nextFree = null;
  return taken;
}

export function freePageListHead(k: Kernel, list: PageList): void {
  must(list.first === 0, "leak", `${list.name} still has isolated pages`);
  list.nextFree = k.state.freeList;
  k.state.freeList = list;
}

/** list_add_tail. */
export function listAddTail(k: Kernel, list: PageList, pfn: Pfn): void {
  const { next } = k.frames;
  next[pfn] = 0;
  if (list.first === 0) list.first = pfn + 1;
  else next[list.last - 1] = pfn + 1;
  list.last = pfn + 1;
  list.count++;
}

/** list_add: in front of what is there. */
export function listAddHead(k: Kernel, list: PageList, pfn: Pfn): void {
  k.frames.next[pfn] = list.first;
  if (list.first === 0) list.last = pfn + 1;
  list.first = pfn + 1;
  list.count++;
}

/** Takes the first page off; -1 when there is none. */
export function listShift(k: Kernel, list: PageList): Pfn {
  if (list.first === 0) return -1;
  const pfn = list.first - 1;
  list.first = k.frames.next[pfn];
  if (list.first === 0) list.last = 0;
  k.frames.next[pfn] = 0;
  list.count--;
  return pfn;
}

/** list_splice_tail_init: all of `from` behind what `to` has. */
export function listSplice(k: Kernel, to: PageList, from: PageList): void {
  for (let pfn = listShift(k, from); pfn >= 0; pfn = listShift(k, from)) listAddTail(k, to, pfn);
}
