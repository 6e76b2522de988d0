/**
 * A device with memory of its own for pages of processes, as lib/test_hmm, nouveau and xe have it: pages go there and come back
 * with migrate_vma; a CPU that needs one calls migrate_to_ram.
 *
 *   toDevice   migrate_vma_setup ─▶ a page of the device for each ─▶ copy ─▶ pages ─▶ finalize
 *   toRam      the same with a page of RAM for each
 *
 * Each page of the device has private data (zone_device_data): here only whether the driver still has it.
 */
import { column, columns } from "../machine/columns.ts";
import type { Handle, Task } from "../machine/core.ts";
import { EFAULT, ENOMEM } from "../machine/errno.ts";
import { lockFolio } from "../machine/folioLock.ts";
import { GFP_HIGHUSER_MOVABLE } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { int, ref, struct } from "../machine/struct.ts";
import { choose } from "../machine/wait.ts";
import type { Kernel } from "../mm/kernel.ts";
import { createPagemap, type DevPagemap, type DevPagemapOps, mustBeLive, zoneDevicePageInit } from "../mm/memremap.ts";
import {
  createMigrateVma,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migratePfn,
  migrateVmaFinalize,
  migrateVmaInit,
  migrateVmaPages,
  migrateVmaSetup,
} from "../mm/migrateDevice.ts";
import type { Mm, Vma } from "../mm/mmTypes.ts";
import { folioLockWord, type Pfn, PG_uptodate, setFlag, type Vpn } from "../mm/page.ts";
import { allocPage } from "../mm/pageAlloc.ts";
import { vmaLookup } from "../mm/vma.ts";

/** What a migration takes its arguments from: one for each that may run at a time. */
interface Migration extends Handle {
  nextFree: Migration | null;
  readonly args: MigrateVma;
}
const migrationStruct = struct("migration", { nextFree: ref<Migration>({ ordered: "the stack of its task" }) });

export interface DeviceMemory extends Handle {
  freeMigration: Migration | null;
  /** Frame + 1 of the free page that is given out next. */
  freePage: number;
  readonly pagemap: DevPagemap<DeviceMemory>;
  /** At frame - first: the next free page, frame + 1. */
  readonly links: { readonly next: Int32Array };
}
const memoryStruct = struct("deviceMemory", {
  freeMigration: ref<Migration>({ ordered: "the stacks of its tasks" }),
  freePage: int({ ordered: "a spinlock of the driver" }),
});

const ops: DevPagemapOps = {
  *migrateToRam(k, pagemap, vma, vpn, pfn): Task<number> {
    const device = pagemap.driver as DeviceMemory;
    yield* choose(1); // the driver is about to look at the page's private data
    mustBeLive(k, pfn, "migrate_to_ram reads the private data");
    const m = takeMigration(device);
    migrateVmaInit(m.args, vma, vpn, vpn + 1, MIGRATE_VMA_SELECT_DEVICE_PRIVATE, device);
    m.args.faultPage = pfn;
    const error = yield* migrate(k, device, m.args, false);
    giveMigration(device, m);
    return error === 0 ? 0 : -EFAULT;
  },
  *pageFree(_k, pagemap, pfn): Task {
    const device = pagemap.driver as DeviceMemory;
    device.links.next[pfn - pagemap.first] = device.freePage;
    device.freePage = pfn + 1;
  },
};

/** Set-up: a device with `pages` frames of the kernel's `devicePages`; up to `tasks` migrations of `n` pages at a time. */
export function createDeviceMemory(m: Machine, k: Kernel, name: string, pages: number, tasks = 2, n = 2): DeviceMemory {
  const links = columns(`${name}.pages`, pages, { next: column({ ordered: "a spinlock of the driver" }) });
  const made = memoryStruct.create(name);
  const device = Object.assign(made, { links }) as unknown as DeviceMemory;
  const pagemap = createPagemap(m, k, `${name}.pagemap`, pages, ops, device, device);
  Object.assign(made, { pagemap });
  for (let i = 0; i < tasks; i++) {
    const args = createMigrateVma(`${name}.migrate${i}`, n);
    giveMigration(device, Object.assign(migrationStruct.create(`${name}.migration${i}`), { args }));
  }
  for (let i = pages - 1; i >= 0; i--) {
    links.next[i] = device.freePage;
    device.freePage = pagemap.first + i + 1;
  }
  return device;
}

function takeMigration(device: DeviceMemory): Migration {
  const m = device.freeMigration;
  if (!m) throw new RangeError(`${device.name} was made for fewer migrations at a time`);
  device.freeMigration = m.nextFree;
  m.nextFree = null;
  return m;
}

/** In order, so that equal situations are equal words. */
function giveMigration(device: DeviceMemory, m: Migration): void {
  let before: Migration | null = null;
  for (let at = device.freeMigration; at && at.id < m.id; at = at.nextFree) before = at;
  m.nextFree = before ? before.nextFree : device.freeMigration;
  if (before) before.nextFree = m;
  else device.freeMigration = m;
}

/** Pages of RAM in [start, end), and those of this device that are there already, go to the device. 0, -EFAULT, -ENOMEM. */
export function* migrateToDevice(k: Kernel, device: DeviceMemory, mm: Mm, start: Vpn, end: Vpn): Task<number> {
  const flags = MIGRATE_VMA_SELECT_SYSTEM | MIGRATE_VMA_SELECT_DEVICE_PRIVATE;
  return yield* migrateRange(k, device, mm, start, end, flags, true);
}

/** Pages of this device in [start, end) come back, as when its memory is needed for something else. */
export function* migrateFromDevice(k: Kernel, device: DeviceMemory, mm: Mm, start: Vpn, end: Vpn): Task<number> {
  return yield* migrateRange(k, device, mm, start, end, MIGRATE_VMA_SELECT_DEVICE_PRIVATE, false);
}

function* migrateRange(
  k: Kernel,
  device: DeviceMemory,
  mm: Mm,
  start: Vpn,
  end: Vpn,
  flags: number,
  out: boolean,
): Task<number> {
  yield* downRead(mm.mmapLock);
  const vma = vmaLookup(mm, start);
  let error = -EFAULT;
  if (vma && vma.end >= end) error = yield* migrateIn(k, device, vma, start, end, flags, out);
  yield* upRead(mm.mmapLock);
  return error;
}

function* migrateIn(
  k: Kernel,
  device: DeviceMemory,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  flags: number,
  out: boolean,
): Task<number> {
  const m = takeMigration(device);
  migrateVmaInit(m.args, vma, start, end, flags, device);
  const error = yield* migrate(k, device, m.args, out);
  giveMigration(device, m);
  return error;
}

/** Pages for which no frame is found stay where they are: -ENOMEM if there was one. mmap_lock held. */
function* migrate(k: Kernel, device: DeviceMemory, args: MigrateVma, out: boolean): Task<number> {
  const n = args.end - args.start;
  let error = 0;
  yield* migrateVmaSetup(k, args);
  for (let i = 0; i < n; i++) {
    if ((args.pages.src[i] & MIGRATE_PFN_MIGRATE) === 0) continue;
    const to = out ? yield* takePage(k, device) : yield* takeRam(k);
    if (to < 0) error = -ENOMEM;
    else {
      k.frames.content[to] = k.frames.content[migratePfn(args.pages.src[i])];
      args.pages.dst[i] = to + 1;
    }
  }
  yield* migrateVmaPages(k, args);
  yield* migrateVmaFinalize(k, args);
  return error;
}

/** A free page of the device, locked; -1. */
function* takePage(k: Kernel, device: DeviceMemory): Task<Pfn> {
  const pfn = device.freePage - 1;
  if (pfn < 0) return -1;
  device.freePage = device.links.next[pfn - device.pagemap.first];
  yield* zoneDevicePageInit(k, pfn);
  return pfn;
}

function* takeRam(k: Kernel): Task<Pfn> {
  const pfn = yield* allocPage(k, GFP_HIGHUSER_MOVABLE);
  if (pfn < 0) return -1;
  setFlag(k, pfn, PG_uptodate);
  yield* lockFolio(folioLockWord(k, pfn));
  return pfn;
}
