/** One page-table entry: its bits, and what they say. The format is drawn in pageTable.ts. */
import type { Pfn } from "./page.ts";

export const PTE_PRESENT = 1;
export const PTE_WRITE = 2;
export const PTE_DIRTY = 4;
export const PTE_YOUNG = 8;
export const PTE_SOFT_DIRTY = 16;
export const PTE_UFFD_WP = 32;
/** PROT_NONE: present to the kernel, not to the CPU. */
export const PTE_PROTNONE = 64;
/** No struct page behind it: the zero page. */
export const PTE_SPECIAL = 128;
const PTE_SHIFT = 9;
const PTE_FLAGS = (1 << PTE_SHIFT) - 1;

// Entries that are not present: type in bits 1 … 3, soft-dirty and uffd-wp as above.
export const SWP_SWAP = 1 << 1;
export const SWP_MIGRATION_READ = 2 << 1;
export const SWP_MIGRATION_READ_EXCLUSIVE = 3 << 1;
export const SWP_MIGRATION_WRITE = 4 << 1;
export const SWP_MARKER = 5 << 1;
/** Pages that are in the memory of a device, which CPUs cannot reach. The offset is a frame. */
export const SWP_DEVICE_READ = 6 << 1;
export const SWP_DEVICE_WRITE = 7 << 1;
const SWP_TYPE = 7 << 1;
/** Swap entry of a page that was exclusive. */
export const SWP_EXCLUSIVE = 64;
/** Migration entries carry the accessed and dirty bits. */
export const SWP_YOUNG = 128;
export const SWP_DIRTY = 256;

export type Pte = number;
export const ptePresent = (pte: Pte): boolean => (pte & PTE_PRESENT) !== 0;
export const pteWrite = (pte: Pte): boolean => (pte & PTE_WRITE) !== 0;
export const pteDirty = (pte: Pte): boolean => (pte & PTE_DIRTY) !== 0;
export const pteYoung = (pte: Pte): boolean => (pte & PTE_YOUNG) !== 0;
export const pteProtnone = (pte: Pte): boolean => (pte & PTE_PROTNONE) !== 0;
export const pteSpecial = (pte: Pte): boolean => (pte & PTE_SPECIAL) !== 0;
// Entries have 31 bits, the highest one being the sign: so that one fits where a task function keeps a value.
export const ptePfn = (pte: Pte): Pfn => (pte << 1) >>> (PTE_SHIFT + 1);
/** An entry that is not present, or the upper part of one that is: frame or slot below 2^22. */
export const mkSwp = (offset: number, bits: number): Pte => ((offset << (PTE_SHIFT + 1)) >> 1) | bits;
export const mkPte = (pfn: Pfn, bits: number): Pte => mkSwp(pfn, bits | PTE_PRESENT);
/** May the CPU read through it? */
export const pteReadable = (pte: Pte): boolean => (pte & (PTE_PRESENT | PTE_PROTNONE)) === PTE_PRESENT;
export const swpType = (pte: Pte): number => (ptePresent(pte) ? 0 : pte & SWP_TYPE);
export const swpOffset = ptePfn;
export const isMigrationType = (type: number): boolean => type >= SWP_MIGRATION_READ && type <= SWP_MIGRATION_WRITE;
export const isDevicePrivateType = (type: number): boolean => type >= SWP_DEVICE_READ;
export const pteBits = (pte: Pte): number => pte & PTE_FLAGS;
