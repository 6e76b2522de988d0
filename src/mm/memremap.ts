/**
 * Memory of devices that has page frames although no CPU can reach it (mm/memremap.c, MEMORY_DEVICE_PRIVATE of v6.1).
 *
 *   free: 0 references, with the driver ──zoneDevicePageInit──▶ 1 reference, locked ──▶ entries of processes lead to it
 *     ▲                                                                                           │
 *     └────────────── last folio_put: page_free ◀──────────────────────────────────────────────────┘
 *
 * Entries for such a page look like swap entries (SWP_DEVICE_READ, SWP_DEVICE_WRITE). They count as mappings and as anonymous
 * memory of the process; a CPU that comes across one calls the driver's migrate_to_ram (memoryDevice.ts).
 */
import type { Handle, Task } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { lockFolio } from "../machine/folioLock.ts";
import type { Machine } from "../machine/machine.ts";
import { struct } from "../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import type { Vma } from "./mmTypes.ts";
import { folioLockWord, folioRefUnfreeze, type Pfn, PG_buddy, type Vpn } from "./page.ts";
import { prepareToFree } from "./pageAlloc.ts";

export interface DevPagemapOps {
  /**
   * A CPU needs page `vpn`, which is in frame `pfn` of the device. 0, also when it must look again; -EFAULT where it cannot be
   * had. mmap_lock held; what keeps the page there depends on the rules (`deviceFault`).
   */
  migrateToRam(k: Kernel, pagemap: DevPagemap, vma: Vma, vpn: Vpn, pfn: Pfn): Task<number>;
  /** Nobody refers to the page any more. Atomic. */
  pageFree(k: Kernel, pagemap: DevPagemap, pfn: Pfn): Task;
}

/** struct dev_pagemap: the frames [first, first + count). `driver` is what container_of finds. */
export interface DevPagemap<D extends object = object> extends Handle {
  readonly first: Pfn;
  readonly count: number;
  readonly ops: DevPagemapOps;
  /** Who may migrate its pages, and whose sections need not be told: pgmap->owner. */
  readonly owner: Handle;
  readonly driver: D;
}
const pagemapStruct = struct("devPagemap", {});

/** Set-up: memremap_pages. Raises a RangeError when the kernel was made with fewer `devicePages`. */
export function createPagemap<D extends object>(
  m: Machine,
  k: Kernel,
  name: string,
  count: number,
  ops: DevPagemapOps,
  owner: Handle,
  driver: D,
): DevPagemap<D> {
  const first = k.deviceStart + k.pagemaps.reduce((n, each) => n + each.count, 0);
  if (first + count > k.frames.count)
    throw new RangeError(`there are no ${count} frames left for ${name}: devicePages`);
  const parts = { first, count, ops: m.keep(ops), owner, driver };
  const pagemap: DevPagemap<D> = Object.assign(pagemapStruct.create(name), parts);
  k.pagemaps.push(pagemap);
  return pagemap;
}

/** is_device_private_page. */
export const isDevicePage = (k: Kernel, pfn: Pfn): boolean => pfn >= k.deviceStart;

/** page->pgmap. */
export function pagemapOf(k: Kernel, pfn: Pfn): DevPagemap {
  for (const each of k.pagemaps) if (pfn >= each.first && pfn < each.first + each.count) return each;
  throw new Finding("assertion", `frame ${pfn} is no device's memory`);
}

/** zone_device_page_init: a free page of the driver gets its first reference, and is locked. */
export function* zoneDevicePageInit(k: Kernel, pfn: Pfn): Task {
  if ((k.frames.flags[pfn] & PG_buddy) === 0) throw new Finding("use-after-free", `frame ${pfn} is given out twice`);
  k.frames.flags[pfn] = 0;
  yield* folioRefUnfreeze(k, pfn, 1);
  yield* lockFolio(folioLockWord(k, pfn));
}

/** free_zone_device_page: the last reference is gone. */
export function* freeZoneDevicePage(k: Kernel, pfn: Pfn): Task {
  prepareToFree(k, pfn);
  const pagemap = pagemapOf(k, pfn);
  yield* pagemap.ops.pageFree(k, pagemap, pfn);
}

/** For drivers: raises `use-after-free` when the page was freed, whoever had it: what it says then is about another page. */
export function mustBeLive(k: Kernel, pfn: Pfn, what: string): void {
  if ((k.frames.flags[pfn] & PG_buddy) === 0) return;
  throw new Finding("use-after-free", `${what} of frame ${pfn}, which was freed`);
}
