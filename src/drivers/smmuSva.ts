/**
 * A device behind an SMMU with shared virtual addressing: it walks the page table of the process itself, and keeps what it finds in
 * a TLB of its own, one page here. The only thing it wants to hear of is when to forget (invalidate_range).
 *
 *   access:  in the TLB, and allowed? done
 *            not in the TLB? walk: allowed by the page table? kept and done
 *            else a fault for the kernel (the same as a CPU's); answered well, the access is tried again, with what the TLB has
 */
import { point } from "../machine/cell.ts";
import { type Handle, keepOrder, type Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { bool, int, struct } from "../machine/struct.ts";
import { NOT_RESIDENT, userReadResident, userWriteResident } from "../mm/cpuAccess.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userFault } from "../mm/memory.ts";
import type { Mm } from "../mm/mmTypes.ts";
import { createNotifier, type MmuNotifier, type MmuNotifierOps } from "../mm/mmuNotifier.ts";
import type { Vpn } from "../mm/page.ts";
import { pteAt, ptePfn, pteWrite } from "../mm/pageTable.ts";

export interface SmmuSva extends Handle {
  /** The translation in its TLB: page + 1 (0 = none), frame, may it write; and how often the frame had been freed. */
  page: number;
  frame: number;
  writable: number;
  generation: number;
  /** Is a use of a freed frame a finding of its own, or only what comes of it? */
  checksFrames: boolean;
}
const ordered = "a TLB: flushed by whoever changes the page table";
const svaStruct = struct("smmuSva", {
  page: int({ ordered }),
  frame: int({ ordered }),
  writable: int({ ordered }),
  generation: int({ ordered }),
  checksFrames: bool({ ordered: "set-up" }),
});

function forget(dev: SmmuSva): void {
  dev.page = 0;
  dev.frame = 0;
  dev.writable = 0;
  dev.generation = 0;
}

/** Neither start nor end: it relies on being told before a page is copied or freed. */
const ops: MmuNotifierOps = {
  *invalidateRange(_k, sub, start, end): Task {
    const dev = sub.driver as SmmuSva;
    if (dev.page > start && dev.page <= end) forget(dev);
  },
  *release(_k, sub): Task {
    forget(sub.driver as SmmuSva);
  },
};

/** Set-up: the device and its subscriber, not registered yet. A use of a freed frame is a `use-after-free`, if `checksFrames`. */
export function createSmmuSva(m: Machine, checksFrames = true, name = "smmu"): MmuNotifier<SmmuSva> {
  const dev: SmmuSva = svaStruct.create(name);
  dev.checksFrames = checksFrames;
  return createNotifier(m, name, ops, dev);
}

/** The device loads from page `vpn`: its content, or -EFAULT. */
export function* svaRead(k: Kernel, sub: MmuNotifier, vpn: Vpn): Task<number> {
  const dev = sub.driver as SmmuSva;
  const mm = sub.mm as Mm;
  for (;;) {
    yield* point();
    keepOrder();
    if (dev.page === vpn + 1) return k.frames.content[usable(k, dev)];
    const content = userReadResident(k, mm, vpn);
    if (content !== NOT_RESIDENT) {
      keep(k, dev, mm, vpn);
      return content;
    }
    const error = yield* userFault(k, mm, vpn, false);
    if (error !== 0) return error;
  }
}

/** The device stores to page `vpn`: 0, or -EFAULT. */
export function* svaWrite(k: Kernel, sub: MmuNotifier, vpn: Vpn, content: number): Task<number> {
  const dev = sub.driver as SmmuSva;
  const mm = sub.mm as Mm;
  for (;;) {
    yield* point();
    keepOrder();
    if (dev.page === vpn + 1) {
      // A permission fault does not make the TLB forget: that is for the kernel to say.
      if (dev.writable !== 0) {
        k.frames.content[usable(k, dev)] = content;
        return 0;
      }
    } else if (userWriteResident(k, mm, vpn, content)) {
      keep(k, dev, mm, vpn);
      return 0;
    }
    const error = yield* userFault(k, mm, vpn, true);
    if (error !== 0) return error;
  }
}

/** A store that is under way already: with the translation in the TLB, or not at all. Did it go out? */
export function* svaWriteCached(k: Kernel, sub: MmuNotifier, vpn: Vpn, content: number): Task<boolean> {
  const dev = sub.driver as SmmuSva;
  yield* point();
  keepOrder();
  const hits = dev.page === vpn + 1 && dev.writable !== 0;
  if (hits) k.frames.content[usable(k, dev)] = content;
  return hits;
}

/** The walk has just succeeded. */
function keep(k: Kernel, dev: SmmuSva, mm: Mm, vpn: Vpn): void {
  const pte = pteAt(k, mm, vpn);
  dev.page = vpn + 1;
  dev.frame = ptePfn(pte);
  dev.writable = pteWrite(pte) ? 1 : 0;
  dev.generation = k.frames.generation[dev.frame];
}

function usable(k: Kernel, dev: SmmuSva): number {
  const live = !dev.checksFrames || k.frames.generation[dev.frame] === dev.generation;
  must(live, "use-after-free", `${dev.name} uses frame ${dev.frame}, which was freed after it had been looked up`);
  return dev.frame;
}
