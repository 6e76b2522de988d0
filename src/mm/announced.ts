/**
 * The rule of all notifiers, as an assertion that looks at every change of a page-table entry: who takes rights away has
 * announced it. Between invalidateRangeStart and invalidateRangeEnd of the same task, for the same mm, over the page:
 *
 *   start returns ─▶ [ page-table lock ─▶ entries lose rights ] ─▶ end begins
 *
 * On where the kernel was made with `watchPtes`, whether anybody has subscribed or not. The open sections are words of the
 * machine, since a search goes back and forth; what they say follows from where the tasks stand, so that they add no
 * states.
 */
import { column, columns } from "../machine/columns.ts";
import { checking, current, type Handle } from "../machine/core.ts";
import { Finding, must } from "../machine/finding.ts";
import { activeMachine } from "../machine/machine.ts";
import { int, struct } from "../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import type { Vpn } from "./page.ts";
import {
  PTE_DIRTY,
  PTE_PROTNONE,
  PTE_SOFT_DIRTY,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  type Pte,
  ptePfn,
  ptePresent,
} from "./pte.ts";

/** Changes of an entry that need no section, with the reason. `is` is asked about an entry that was present before. */
export const NO_LOSS: readonly {
  readonly what: string;
  readonly why: string;
  readonly is: (old: Pte, now: Pte) => boolean;
}[] = [
  {
    what: "accessed, dirty, soft-dirty and uffd-wp bits",
    why: "they are notes, not rights: clear_refs 1 … 3, MADV_COLD and aging clear them without any event",
    is: (old, now) => ((old ^ now) & ~NOTES) === 0,
  },
  {
    what: "more rights to the same frame",
    why: "upgrades raise nothing: reuse after a write fault, page_mkwrite, mprotect to more",
    is: (old, now) => samePage(old, now) && (old & PTE_WRITE & ~now) === 0 && (now & PTE_PROTNONE & ~old) === 0,
  },
  {
    what: "an entry with prot-none",
    why: "neither a CPU nor a device that faulted through it could use the page",
    is: (old) => (old & PTE_PROTNONE) !== 0,
  },
];
const NOTES = PTE_YOUNG | PTE_DIRTY | PTE_SOFT_DIRTY | PTE_UFFD_WP;

const samePage = (old: Pte, now: Pte): boolean => ptePresent(now) && ptePfn(old) === ptePfn(now);

/*
 * Not exceptions, although they look like it: what was not present gives no rights (migration and swap entries, markers);
 * remove_migration_ptes and swap-in only give; the new range of mremap only gains; fork fills the empty tables of a child;
 * exit_mmap announces UNMAP over everything, after the release that ends classic subscriptions; an entry that was cleared and
 * put back because the page is pinned lay in a section all the time; a range that was refused must not be touched at all.
 */

export interface Announced extends Handle {
  count: number;
  readonly ranges: ReturnType<typeof createRanges>;
}

/** Sections that may be open at a time, over all tasks. */
const RANGES = 16;
const byTask = { ordered: "each belongs to one task" };
const announcedStruct = struct("announced", { count: int(byTask) });
const createRanges = () =>
  columns("announced.range", RANGES, {
    /** Slot of the task + 1. */
    task: column(byTask),
    /** Number of the mm's handle + 1. */
    mm: column(byTask),
    start: column(byTask),
    end: column(byTask),
  });

/** Set-up. */
export function createAnnounced(): Announced {
  return Object.assign(announcedStruct.create("announced"), { ranges: createRanges() });
}

/** The running task has told everybody about [start, end). In order of tasks, so that equal situations are equal words. */
export function rangeOpened(a: Announced, mm: Mm, start: Vpn, end: Vpn): void {
  const { ranges } = a;
  const n = a.count;
  must(n < RANGES, "assertion", `more than ${RANGES} notifier sections are open`);
  let i = n;
  while (i > 0 && ranges.task[i - 1] > current + 1) i--;
  for (const field of [ranges.task, ranges.mm, ranges.start, ranges.end]) field.copyWithin(i + 1, i, n);
  a.count = n + 1;
  ranges.task[i] = current + 1;
  ranges.mm[i] = mm.id + 1;
  ranges.start[i] = start;
  ranges.end[i] = end;
}

/** The running task is about to tell everybody that it is done with [start, end): the same as it has opened last. */
export function rangeClosed(a: Announced, mm: Mm, start: Vpn, end: Vpn): void {
  const { ranges } = a;
  const n = a.count;
  let i = n - 1;
  while (i >= 0 && !isOpen(a, i, mm, start, end)) i--;
  if (i < 0) throw missed(`${task()} ends a section over pages ${start} to ${end} of ${mm.name} that it has not begun`);
  for (const field of [ranges.task, ranges.mm, ranges.start, ranges.end]) {
    field.copyWithin(i, i + 1, n);
    field[n - 1] = 0;
  }
  a.count = n - 1;
}

function isOpen({ ranges }: Announced, i: number, mm: Mm, start: Vpn, end: Vpn): boolean {
  return isMine(ranges, i, mm) && ranges.start[i] === start && ranges.end[i] === end;
}

function isMine(ranges: Announced["ranges"], i: number, mm: Mm): boolean {
  return ranges.task[i] === current + 1 && ranges.mm[i] === mm.id + 1;
}

/** Has the running task announced a change of [start, end)? */
export function sectionCovers({ ranges, count }: Announced, mm: Mm, start: Vpn, end: Vpn): boolean {
  for (let i = 0; i < count; i++) {
    if (isMine(ranges, i, mm) && ranges.start[i] <= start && ranges.end[i] >= end) return true;
  }
  return false;
}

/** The entry of `vpn` is about to become `now`: raises a `missed-notification` finding when rights go unannounced. */
export function pteChanges(k: Kernel, mm: Mm, vpn: Vpn, old: Pte, now: Pte): void {
  const a = k.announced as Announced;
  // Not `lock` itself: a sequential machine has locks, but does not check.
  if (checking && !mm.ptl.heldBy(current)) {
    throw new Finding("data-race", `${task()} changes page ${vpn} of ${mm.name} without holding ${mm.ptl.name}`);
  }
  if (!losesRights(old, now) || sectionCovers(a, mm, vpn, vpn + 1)) return;
  throw missed(`${task()} takes rights from page ${vpn} of ${mm.name} (${loss(old, now)}), which no section covers`);
}

/** Does a subscriber that has copied the old entry have more than the new one gives? */
export function losesRights(old: Pte, now: Pte): boolean {
  return ptePresent(old) && !NO_LOSS.some((each) => each.is(old, now));
}

function loss(old: Pte, now: Pte): string {
  if (!ptePresent(now)) return "it is no longer present";
  return samePage(old, now) ? "it gets read-only" : `frame ${ptePfn(old)} gives way to frame ${ptePfn(now)}`;
}

/** For the end: who has begun a section must have ended it. */
export function openSection({ ranges, count }: Announced): string | null {
  return count === 0 ? null : `a notifier section over pages ${ranges.start[0]} to ${ranges.end[0]} was never ended`;
}

const missed = (message: string): Finding => new Finding("missed-notification", message);
const task = (): string => activeMachine().tasks[current]?.name ?? "a task";
