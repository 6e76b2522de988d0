/** struct mmu_gather: page-table entries that were cleared, and pages that wait for the flush before they are freed. */
import { column, columns } from "../machine/columns.ts";
import type { Handle } from "../machine/core.ts";
import { bool, int, ref, struct } from "../machine/struct.ts";
import type { Mm } from "./mmTypes.ts";
import type { Vpn } from "./page.ts";

export interface Gather extends Handle {
  mm: Mm | null;
  /** What has to be flushed: [start, end), empty when nothing was cleared. */
  start: Vpn;
  end: Vpn;
  /** The whole mm goes away. */
  fullmm: boolean;
  pages: number;
  /** Page tables taken out of the mm, the first of a list; 0 = none. */
  tables: number;
  /** A dirty page of a file was zapped: flush before the page-table lock is dropped. */
  dirtyShared: boolean;
  readonly slot: number;
  nextFree: Gather | null;
}
const own = { ordered: "on the stack of one task" };
const gatherStruct = struct("mmuGather", {
  mm: ref<Mm>(own),
  start: int(own),
  end: int(own),
  fullmm: bool(own),
  pages: int(own),
  tables: int(own),
  dirtyShared: bool(own),
  nextFree: ref<Gather>({ ordered: "slab" }),
});

/** Set-up: `count` of them, with room for `room` pages each. */
export function createGathers(count: number, room: number) {
  const all: Gather[] = Array.from({ length: count }, (_, i) =>
    Object.assign(gatherStruct.create(`mmuGather${i + 1}`), { slot: i }),
  );
  all.forEach((each, i) => {
    each.nextFree = all[i + 1] ?? null;
  });
  return { first: all[0], pages: columns("gathered", count * room, { page: column(own) }) };
}
