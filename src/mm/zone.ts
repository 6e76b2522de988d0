/**
 * Zones: which frames of a node may be used for what. They are fixed at set-up; only what is free in them changes.
 *
 *   node 0: DMA │ DMA32 │ NORMAL │ MOVABLE    node 1: …       frames lie in this order
 *
 * An allocation tries the zones of its node from the highest type that its mask allows downwards, then the next node's.
 */
import { column, columns } from "../machine/columns.ts";
import { __GFP_MOVABLE } from "../machine/gfp.ts";
import type { Kernel } from "./kernel.ts";
import type { Pfn } from "./page.ts";
import { lowmemReserve, type Marks, minFreeKbytes, NO_MARKS, zoneMarks } from "./watermark.ts";

export const ZONE_DMA = 0;
export const ZONE_DMA32 = 1;
export const ZONE_NORMAL = 2;
export const ZONE_MOVABLE = 3;
/** ZONE_DEVICE included, which has no pages here: "all zones" as a highest zone index is 4. */
export const MAX_NR_ZONES = 5;
const NO_RESERVE: readonly number[] = Array.from({ length: MAX_NR_ZONES }, () => 0);
export const ZONE_NAMES = ["DMA", "DMA32", "NORMAL", "MOVABLE"] as const;
export type ZoneName = (typeof ZONE_NAMES)[number];

/** Zones of one node, in any order; pages that the buddy allocator manages. */
export interface ZoneSpec {
  readonly node?: number;
  readonly name: ZoneName;
  readonly pages: number;
}

/** struct zone, as far as it does not change. */
export interface Zone {
  readonly index: number;
  readonly nid: number;
  readonly type: number;
  /** Frames [start, end). */
  readonly start: Pfn;
  readonly end: Pfn;
  readonly managed: number;
  readonly marks: Marks;
  /** lowmem_reserve by the highest zone type that the caller could use. */
  readonly reserve: readonly number[];
}

export interface ZoneOptions {
  readonly frames: number;
  readonly nodes: number;
  readonly movable: number;
  readonly zones: readonly ZoneSpec[] | null;
  /** null = no watermarks, "auto" = as the kernel would at boot. */
  readonly minFreeKbytes: number | "auto" | null;
  readonly watermarkScaleFactor: number;
}

/** Frames of a machine with these zones; frame 0 is the zero page, which is in none. */
export function framesOf(zones: readonly ZoneSpec[]): number {
  return zones.reduce((sum, each) => sum + each.pages, 1);
}

interface Extent {
  nid: number;
  type: number;
  start: number;
  end: number;
}

/** Each node's frames, with a share at the end that is movable. */
function equalShares(o: ZoneOptions): Extent[] {
  const extents: Extent[] = [];
  const share = o.frames / o.nodes;
  for (let nid = 0; nid < o.nodes; nid++) {
    const start = Math.ceil(nid * share);
    const end = Math.ceil((nid + 1) * share);
    const split = o.movable > 0 ? Math.min(end, Math.ceil(nid * share + share * (1 - o.movable))) : end;
    extents.push({ nid, type: ZONE_NORMAL, start, end: split });
    if (split < end) extents.push({ nid, type: ZONE_MOVABLE, start: split, end });
  }
  return extents;
}

function extentsOf(zones: readonly ZoneSpec[]): Extent[] {
  const sorted = zones
    .map((each) => ({ nid: each.node ?? 0, type: ZONE_NAMES.indexOf(each.name), pages: each.pages }))
    .sort((a, b) => a.nid - b.nid || a.type - b.type);
  let at = 1;
  return sorted.map(({ nid, type, pages }) => {
    const start = at;
    at += pages;
    return { nid, type, start, end: at };
  });
}

/** Set-up: all zones, in order of frames. */
export function createZones(o: ZoneOptions): Zone[] {
  const extents = o.zones === null ? equalShares(o) : extentsOf(o.zones);
  const sizes = extents.map((e) => e.end - e.start - (e.start === 0 ? 1 : 0));
  // Nothing here is high memory, ZONE_MOVABLE included.
  const all = sizes.reduce((a, b) => a + b, 0);
  const kbytes = o.minFreeKbytes === "auto" ? minFreeKbytes(all) : o.minFreeKbytes;
  return extents.map((e, index) => {
    const byType = ZONE_NAMES.map((_, type) => sizeOf(extents, sizes, e.nid, type));
    return {
      ...e,
      index,
      managed: sizes[index],
      marks: kbytes === null ? NO_MARKS : zoneMarks(kbytes, sizes[index], all, o.watermarkScaleFactor),
      // ZONE_DEVICE, the highest of all, adds no pages to the others.
      reserve: kbytes === null ? NO_RESERVE : lowmemReserve([...byType, 0])[e.type],
    };
  });
}

function sizeOf(extents: readonly Extent[], sizes: readonly number[], nid: number, type: number): number {
  const i = extents.findIndex((e) => e.nid === nid && e.type === type);
  return i < 0 ? 0 : sizes[i];
}

/** Zonelists at nid * 4 + type: what an allocation on that node with that highest type tries, in order. */
export function createZonelists(zones: readonly Zone[], nodes: number): Zone[][] {
  const lists: Zone[][] = [];
  for (let nid = 0; nid < nodes; nid++) {
    for (let type = 0; type < ZONE_NAMES.length; type++) {
      const list: Zone[] = [];
      for (let i = 0; i < nodes; i++) {
        const node = (nid + i) % nodes;
        list.push(...zones.filter((z) => z.nid === node && z.type <= type).reverse());
      }
      lists.push(list);
    }
  }
  return lists;
}

/** What changes in a zone, at its index. */
export function createZoneState(n: number) {
  const ordered = "zone lock; watermark checks read free without it, as in the kernel";
  return columns("zone", n, {
    /** Head of the free list (pfn + 1), last in first out. */
    head: column({ ordered }),
    free: column({ ordered }),
    /** watermark_boost. */
    boost: column({ ordered }),
  });
}

/** gfp_zone: the highest zone type that the mask allows. */
export function gfpZone(gfp: number): number {
  return (gfp & __GFP_MOVABLE) !== 0 ? ZONE_MOVABLE : ZONE_NORMAL;
}

/** page_zone. */
export function pageZone(k: Kernel, pfn: Pfn): Zone {
  const { zones } = k;
  let i = zones.length - 1;
  while (i > 0 && pfn < zones[i].start) i--;
  return zones[i];
}

/** Is the frame in ZONE_MOVABLE, from which long-term pins must keep away? */
export function isMovableZone(k: Kernel, pfn: Pfn): boolean {
  return pageZone(k, pfn).type === ZONE_MOVABLE;
}
