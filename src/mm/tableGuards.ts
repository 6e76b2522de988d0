/**
 * Who may change which tables an mm has, as checks where the kernel was made with `watchPtes`. A declared guard cannot say
 * it: tables of all mms are one column, and the lock depends on the mm and on what is done.
 *
 *   installing a table    mmap_lock in any mode; the page-table lock decides between two who come at once, which is one
 *                         step here
 *   taking one out        mmap_lock in any mode, and nobody finds the VMA any more: not by address (it is off the list, or
 *                         the lock is held for writing), not by the reverse mapping, whose walks hold no mmap_lock
 *   moving one            the page-table lock, in a section over its pages; mremap also holds the rmap locks
 *   an entry of the last  the page-table lock: announced.ts
 *   level
 *
 * Walks without any lock (GUP-fast) are kept from freed tables in another way: `tableWalkers`.
 */
import { checking, current } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { activeMachine } from "../machine/machine.ts";
import { sectionCovers } from "./announced.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm, Vma } from "./mmTypes.ts";
import type { Vpn } from "./page.ts";

const task = (): string => activeMachine().tasks[current]?.name ?? "a task";

/** A table is installed or taken out. */
export function tablesChange(k: Kernel, mm: Mm): void {
  if (k.announced === null || !checking || mm.mmapLock.heldBy(current, false)) return;
  throw new Finding("data-race", `${task()} changes page tables of ${mm.name} without holding ${mm.mmapLock.name}`);
}

/** The tables of `vma` are about to be taken out: walks of the reverse mapping must not find it. */
export function mustBeHidden(k: Kernel, vma: Vma): void {
  if (k.announced === null) return;
  let mapped = vma.inode?.immap ?? null;
  while (mapped && mapped !== vma) mapped = mapped.nextShared;
  if (vma.chains === null && mapped === null) return;
  throw new Finding("use-after-free", `page tables of ${vma.name} are freed, and the reverse mapping leads to it`);
}

/** All entries of the page table of [start, end) leave their place. */
export function tableMoves(k: Kernel, mm: Mm, start: Vpn, end: Vpn): void {
  if (k.announced === null) return;
  if (checking && !mm.ptl.heldBy(current)) {
    throw new Finding("data-race", `${task()} moves a page table of ${mm.name} without holding ${mm.ptl.name}`);
  }
  if (sectionCovers(k.announced, mm, start, end)) return;
  const pages = `the table of pages ${start} to ${end} of ${mm.name}`;
  throw new Finding("missed-notification", `${task()} moves ${pages}, which no section covers`);
}
