/** What a page table has for a page, and what the kernel knows about a frame: for probes and reports. No side effects. */
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import {
  GUP_PIN_COUNTING_BIAS,
  type Pfn,
  PG_active,
  PG_anon,
  PG_anonExclusive,
  PG_dirty,
  PG_lru,
  PG_mlocked,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_writeback,
  type Vpn,
} from "./page.ts";
import {
  isDevicePrivateType,
  isMigrationType,
  PTE_DIRTY,
  PTE_PROTNONE,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  type Pte,
  pteAt,
  ptePfn,
  ptePresent,
  pteSpecial,
  SWP_EXCLUSIVE,
  SWP_SWAP,
  swpOffset,
  swpType,
} from "./pageTable.ts";
import { vmaLookup } from "./vma.ts";

/** A page-table entry and the page behind it. */
export interface PageSnapshot extends FrameSnapshot {
  readonly state: "none" | "pte" | "swap" | "migration" | "device" | "marker" | "novma";
  /** Of "wdasupez", in this order: write, dirty, accessed, soft-dirty, uffd-wp, prot-none, exclusive swap entry, zero. */
  readonly bits: string;
}

export interface FrameSnapshot {
  /** -1 where there is none, and for the zero page in a page table. */
  readonly pfn: Pfn;
  readonly refs: number;
  readonly maps: number;
  readonly flags: readonly string[];
}

const NO_FRAME: FrameSnapshot = { pfn: -1, refs: 0, maps: 0, flags: [] };

const FLAGS: readonly (readonly [number, string])[] = [
  [PG_anon, "anon"],
  [PG_anonExclusive, "excl"],
  [PG_swapcache, "swapcache"],
  [PG_swapbacked, "swapbacked"],
  [PG_dirty, "dirty"],
  [PG_active, "active"],
  [PG_referenced, "referenced"],
  [PG_lru, "lru"],
  [0, "maybe_pinned"],
  [PG_mlocked, "mlocked"],
  [PG_unevictable, "unevictable"],
  [PG_writeback, "writeback"],
];

export function snapFrame(k: Kernel, pfn: Pfn): FrameSnapshot {
  const { frames } = k;
  const refs = frames.refcount[pfn];
  const flags = FLAGS.filter(([bit]) =>
    bit === 0 ? refs >= GUP_PIN_COUNTING_BIAS : (frames.flags[pfn] & bit) !== 0,
  ).map(([, name]) => name);
  return { pfn, refs, maps: frames.mapcount[pfn], flags };
}

/** Page `vpn` of `mm`. */
export function snapPage(k: Kernel, mm: Mm, vpn: Vpn): PageSnapshot {
  if (!vmaLookup(mm, vpn)) return { ...NO_FRAME, state: "novma", bits: "" };
  const pte = pteAt(k, mm, vpn);
  if (pte === 0) return { ...NO_FRAME, state: "none", bits: "" };
  if (ptePresent(pte)) {
    const frame = pteSpecial(pte) ? NO_FRAME : snapFrame(k, ptePfn(pte));
    return { ...frame, state: "pte", bits: bitsOf(pte, PRESENT) };
  }
  const type = swpType(pte);
  if (type === SWP_SWAP) return { ...NO_FRAME, state: "swap", bits: bitsOf(pte, SWAP) };
  if (isDevicePrivateType(type)) return { ...snapFrame(k, swpOffset(pte)), state: "device", bits: "" };
  return { ...NO_FRAME, state: isMigrationType(type) ? "migration" : "marker", bits: "" };
}

const PRESENT: readonly (readonly [number, string])[] = [
  [PTE_WRITE, "w"],
  [PTE_DIRTY, "d"],
  [PTE_YOUNG, "a"],
  [PTE_SOFT_DIRTY, "s"],
  [PTE_UFFD_WP, "u"],
  [PTE_PROTNONE, "p"],
  [PTE_SPECIAL, "z"],
];
const SWAP: readonly (readonly [number, string])[] = [
  [PTE_SOFT_DIRTY, "s"],
  [PTE_UFFD_WP, "u"],
  [SWP_EXCLUSIVE, "e"],
];

const bitsOf = (pte: Pte, table: readonly (readonly [number, string])[]): string =>
  table
    .filter(([bit]) => (pte & bit) !== 0)
    .map(([, letter]) => letter)
    .join("");
