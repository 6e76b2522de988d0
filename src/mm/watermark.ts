/**
 * Watermarks (setup_per_zone_wmarks, zone_watermark_ok in mm/page_alloc.c): how much of a zone must stay free, for whom.
 * Pure arithmetic over numbers of pages.
 *
 *   promo ┄ high ─ kswapd stops ┄ low ─ kswapd is woken ┄ min ─ direct reclaim ┄ part of min: reserves ┄ 0
 */

export interface Marks {
  readonly min: number;
  readonly low: number;
  readonly high: number;
  readonly promo: number;
}

/** What an unset watermark is: every free page may be taken. */
export const NO_MARKS: Marks = { min: 0, low: 0, high: 0, promo: 0 };

// Who asks: alloc_flags.
export const ALLOC_WMARK_MIN = 0;
export const ALLOC_WMARK_LOW = 1;
export const ALLOC_WMARK_HIGH = 2;
export const ALLOC_NO_WATERMARKS = 4;
export const ALLOC_OOM = 8;
export const ALLOC_NON_BLOCK = 0x10;
export const ALLOC_MIN_RESERVE = 0x20;
export const ALLOC_CPUSET = 0x40;
export const ALLOC_KSWAPD = 0x800;
export const ALLOC_WMARK_MASK = 3;

/** int_sqrt. */
export function intSqrt(n: number): number {
  return Math.floor(Math.sqrt(n));
}

/** calculate_min_free_kbytes: `lowmemPages` = nr_free_buffer_pages. */
export function minFreeKbytes(lowmemPages: number): number {
  return Math.min(Math.max(intSqrt(lowmemPages * 4 * 16), 128), 262144);
}

/** khugepaged's set_recommended_min_free_kbytes, in kB: for `zones` populated zones, at most 5 % of `lowmemPages`. */
export function recommendedMinFreeKbytes(zones: number, lowmemPages: number): number {
  const pages = 512 * zones * 2 + 512 * zones * 3 * 3;
  return Math.min(pages, Math.floor(lowmemPages / 20)) * 4;
}

/** __setup_per_zone_wmarks for a zone of `managed` pages, of `lowmem` in all such zones. `scale` in 1/10000 of the zone. */
export function zoneMarks(minFreeKb: number, managed: number, lowmem: number, scale = 10): Marks {
  const min = lowmem === 0 ? 0 : Math.floor((Math.floor(minFreeKb / 4) * managed) / lowmem);
  const gap = Math.max(min >> 2, Math.floor((managed * scale) / 10000));
  return { min, low: min + gap, high: min + 2 * gap, promo: min + 3 * gap };
}

/** sysctl_lowmem_reserve_ratio for DMA, DMA32, NORMAL, MOVABLE; the highest needs none. */
const RESERVE_RATIO = [256, 256, 32, 0, 0];

/**
 * setup_per_zone_lowmem_reserve: what allocations that could use zone type j leave free in type i, at [i][j].
 * `managed`: pages of the node's zones, by type.
 */
export function lowmemReserve(managed: readonly number[]): number[][] {
  return managed.map((own, i) => {
    let above = 0;
    return managed.map((_, j) => {
      if (j <= i) return 0;
      above += managed[j];
      return own === 0 || RESERVE_RATIO[i] === 0 ? 0 : Math.floor(above / RESERVE_RATIO[i]);
    });
  });
}

/** __zone_watermark_ok for order 0: may a page be taken while `free` are free? `reserve`: lowmem_reserve of the caller. */
export function watermarkOk(free: number, mark: number, reserve: number, flags: number): boolean {
  let min = mark;
  if ((flags & ALLOC_MIN_RESERVE) !== 0) {
    min -= min >> 1;
    if ((flags & ALLOC_NON_BLOCK) !== 0) min -= min >> 2;
  }
  if ((flags & ALLOC_OOM) !== 0) min -= min >> 1;
  return free > min + reserve;
}

/** boost_watermark: the boost after a page block changed its migrate type. */
export function boosted(boost: number, managed: number, high: number, factor = 15000): number {
  if (factor === 0 || managed < 4 * 512) return boost;
  return Math.min(boost + 512, Math.max(512, Math.floor((high * factor) / 10000)));
}
