/**
 * What folio->mapping points to: an anon_vma with its place in swap, or the address_space of a file or of shared memory.
 * It answers two questions: which page tables may map page `index` (rmap), and which folio caches it (swap cache, page
 * cache). So far every mapping has a fixed set of users, given at set-up.
 */
import type { Handle } from "../../machine/core.ts";
import type { Machine } from "../../machine/machine.ts";
import { type Mutex, spinlockField } from "../../machine/mutex.ts";
import { type RwSem, rwsemField } from "../../machine/rwsem.ts";
import { ref, struct } from "../../machine/struct.ts";
import type { Mm } from "./mm.ts";
import type { Folio, Vpn } from "./page.ts";

/** Kinds of memory. They differ in what keeps a copy of a page that is not mapped. */
export const ANON = 0;
export const SHMEM = 1;
export const FILE = 2;
export type MappingKind = typeof ANON | typeof SHMEM | typeof FILE;

/** A place in a cache: the folio that holds page `index`, null when only the disk does (or nobody yet). */
export interface CacheSlot extends Handle {
  folio: Folio | null;
  readonly mapping: Mapping;
}

/** Pages of the mapping from `start` on are mapped by `mm` from page `vpn` on. */
export interface MappingUser {
  readonly mm: Mm;
  readonly start: number;
  readonly pages: number;
  readonly vpn: Vpn;
}

export interface Mapping extends Handle {
  /** anon_vma root rwsem or i_mmap_rwsem: rmap walks hold it for reading. */
  readonly rmapLock: RwSem;
  /** The lock of the cache (i_pages, or of the swap cache): lookups that take a reference, additions, removals. */
  readonly cacheLock: Mutex;
  readonly kind: MappingKind;
  readonly slots: readonly CacheSlot[];
  readonly users: MappingUser[];
}

const mappingStruct = struct("mapping", { rmapLock: rwsemField(), cacheLock: spinlockField() });
const slotStruct = struct("cacheSlot", {
  folio: ref<Folio>({ guardedBy: (s: CacheSlot) => s.mapping.cacheLock }),
});

/** Set-up: a mapping of `pages` pages that nobody uses yet. */
export function createMapping(m: Machine, name: string, kind: MappingKind, pages: number): Mapping {
  const slots: CacheSlot[] = [];
  const users: MappingUser[] = [];
  const mapping: Mapping = Object.assign(mappingStruct.create(name), { kind, slots, users });
  for (let i = 0; i < pages; i++) slots.push(Object.assign(slotStruct.create(`${name}[${i}]`), { mapping }));
  m.keep(slots);
  m.keep(users);
  return mapping;
}
