/**
 * Reclaim from three sides at once: kswapd balances the node, a fault that finds no memory reclaims directly, and a driver
 * whose device shares the page table maps one of the pages that both want to take, if it is there (as KVM does where it
 * cannot sleep). However they meet: no page is taken twice, and the device has nothing that the process has not.
 *
 * The pages are clean ones of a file, one mapped and one not: they are dropped, without a way through swap.
 */
import { memallocRestore, memallocSave, PF_KSWAPD, PF_MEMALLOC } from "../../machine/context.ts";
import type { Task } from "../../machine/core.ts";
import { __GFP_NORETRY, GFP_KERNEL } from "../../machine/gfp.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import { defineCase } from "../../machine/scenario.ts";
import { fileRead } from "../filemap.ts";
import type { File } from "../fs.ts";
import { FOLL_GET, getUserPagesFastOnly, unpinUserPages } from "../gup.ts";
import { HMM_VALID } from "../hmm.ts";
import { closeFile, nameFile, openFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { balancePgdat } from "../kswapd.ts";
import type { Mm, Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { createNotifier, type MmuNotifier, mmuNotifierRegister } from "../mmuNotifier.ts";
import { allocPage } from "../pageAlloc.ts";
import { type Guard, type Rules, rules } from "../rules.ts";
import { folioPut, lruAddDrain } from "../swap.ts";
import { classicOps, createDevice, type Device } from "../world/devices.ts";
import { FILE, mapPages } from "../world/pages.ts";
import { A, smallKernel } from "../world/small.ts";
import { MAX_NR_ZONES } from "../zone.ts";

/** Pages of the file; the first one is mapped. */
const RESIDENT = 2;

function* register(k: Kernel, p: Process, sub: MmuNotifier): Task {
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
}

/** The second page of the file is in memory, and nobody maps it. */
function* readsSecond(k: Kernel): Task {
  const file = (yield* openFile(k, nameFile(k, "/mnt/file"), 0)) as File;
  yield* fileRead(k, file, 1);
  yield* lruAddDrain(k);
  yield* closeFile(k, file);
}

/** What kswapd does when it is woken. */
function* kswapd(k: Kernel): Task {
  const before = memallocSave(PF_MEMALLOC | PF_KSWAPD);
  yield* balancePgdat(k, k.pgdats[0], MAX_NR_ZONES - 1);
  memallocRestore(PF_MEMALLOC | PF_KSWAPD, before);
}

/** As in a fault: mmap_lock is held. It is content with one attempt. */
function* faulter(k: Kernel, p: Process): Task {
  const { mmapLock } = p.mm as Mm;
  yield* downRead(mmapLock);
  const pfn = yield* allocPage(k, GFP_KERNEL | __GFP_NORETRY);
  if (pfn >= 0) yield* folioPut(k, pfn);
  yield* upRead(mmapLock);
}

/** Maps page A for reading if the process has it and nobody takes it away; then the device stops. */
function* driver(k: Kernel, p: Process, dev: Device, careful: boolean): Task {
  yield* lock(dev.lock);
  const { seq } = dev;
  yield* unlock(dev.lock);
  const got = yield* getUserPagesFastOnly(k, p.mm as Mm, A, 1, FOLL_GET, dev.pages);
  if (got !== 1) return;
  const pfn = dev.pages.pfn[0];
  yield* lock(dev.lock);
  if (!careful || (dev.inProgress === 0 && dev.seq === seq)) dev.table.entry[0] = (pfn << 2) | HMM_VALID;
  yield* unlock(dev.lock);
  yield* unpinUserPages(k, dev.pages, 1, FOLL_GET, false);
}

interface Parameters {
  readonly inForce: Rules;
  readonly careful: boolean;
}
const without = (guard: Guard): Rules => rules("linux-6.1", { without: [guard] });
const base: Parameters = { inForce: rules("linux-6.1"), careful: true };

export const reclaimThree = defineCase<Parameters>({
  id: "mm-reclaim-three",
  title: "kswapd, direct reclaim and a driver that maps",
  variants: {
    "linux-6.1": { ...base, expect: "ok" },
    "map-without-retry": { ...base, careful: false, expect: "missed-notification" },
    "without-reference-check": { ...base, inForce: without("removeRefCheck"), expect: "use-after-free" },
  },
  setup(m, v) {
    const k = smallKernel(m, {
      rules: v.inForce,
      zones: [{ name: "NORMAL", pages: RESIDENT }],
      minFreeKbytes: 0,
      watermarkScaleFactor: 0,
      reclaims: true,
      reclaimers: 4,
      reclaimRetries: 1,
      ageMask: 0,
    });
    const p = createProcess(k);
    const dev = createDevice(m, k, p.mm as Mm, A);
    const sub = createNotifier(m, "subscriber", classicOps, dev);
    m.boot(mapPages, [k, p, A, RESIDENT, FILE, 1]);
    m.boot(readsSecond, [k]);
    m.boot(register, [k, p, sub]);
    m.spawn("kswapd", kswapd, [k]);
    m.spawn("faulter", faulter, [k, p]);
    m.spawn("driver", driver, [k, p, dev, v.careful]);
  },
});
