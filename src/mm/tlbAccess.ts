/**
 * Loads and stores of user code on CPUs with a TLB: the environment decides which of the translations that the CPU may
 * still have is used, or that all have been evicted and the page table is walked. What was looked up anew, or faulted,
 * replaces what this CPU had of the page.
 */
import { current, defineOp, objectAt, pend, type Task } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { activeMachine } from "../machine/machine.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import { type Pfn, PG_buddy, type Vpn } from "./page.ts";
import { PTE_WRITE, pteAt, ptePfn, pteReadable } from "./pageTable.ts";
import { covers, placeOf, removeWhere, type Tlb, translation } from "./tlb.ts";

const CPU_SHIFT = 1;
const VPN_SHIFT = 6;
const MM_SHIFT = 22;

/**
 * An access is a scheduling point. AT = the TLB, ARG = mm, page, CPU (the task), write. With one outcome for each stale
 * translation that makes a difference, after outcome 0: the page table is walked.
 */
const accessOp = defineOp({
  name: "access",
  enabled: () => true,
  apply: () => undefined,
  choices: (at, arg) => 1 + countUsable(objectAt(at) as Tlb, arg),
  access: (_at, _a, _b, _t, out) => out.top(),
  describe: (_at, arg) => `${(arg & 1) !== 0 ? "store to" : "load from"} page ${pageOf(arg)}`,
});

const pageOf = (arg: number): Vpn => (arg >> VPN_SHIFT) & ((1 << (MM_SHIFT - VPN_SHIFT)) - 1);

/**
 * The CPU is about to access the page: 0 = it walks the page table, else the number (from 1 on) of the stale entry that it
 * uses: see `staleRead`, `staleWrite`.
 */
export function* tlbLookup(k: Kernel, mm: Mm, vpn: Vpn, write: boolean): Task<number> {
  const tlb = k.tlb as Tlb;
  const arg = (k.mms.indexOf(mm) << MM_SHIFT) | (vpn << VPN_SHIFT) | (current << CPU_SHIFT) | (write ? 1 : 0);
  const choice = yield* accessAt(tlb, arg);
  if (choice > 0) return nthUsable(tlb, arg, choice);
  if (!mayKeep(k, mm, vpn, write)) forget(k, mm, vpn);
  return 0;
}

function accessAt(tlb: Tlb, arg: number): Task<number> {
  return pend(accessOp, tlb.at, arg) as never;
}

/** Which entry `choice` means, + 1. */
function nthUsable(tlb: Tlb, arg: number, choice: number): number {
  let left = choice;
  for (let i = 0; i < tlb.count; i++) {
    if (isUsable(tlb, arg, i) && --left === 0) return i + 1;
  }
  throw new Finding("assertion", "a translation is gone that an access has used");
}

function countUsable(tlb: Tlb, arg: number): number {
  let n = 0;
  for (let i = 0; i < tlb.count; i++) if (isUsable(tlb, arg, i)) n++;
  return n;
}

/** May the access use entry `i`, with another outcome than by the page table? */
function isUsable(tlb: Tlb, arg: number, i: number): boolean {
  const k = tlb.k();
  const mm = k.mms[arg >> MM_SHIFT];
  const write = (arg & 1) !== 0;
  if (!isOf(tlb, k, mm, pageOf(arg), (arg >> CPU_SHIFT) & 31, i)) return false;
  const pte = tlb.stale.pte[i];
  if (write && (pte & PTE_WRITE) === 0) return false;
  return !isAsGood(k, mm, pageOf(arg), pte, write);
}

function isOf({ stale }: Tlb, k: Kernel, mm: Mm, vpn: Vpn, cpu: number, i: number): boolean {
  return stale.place[i] === placeOf(k, mm, vpn) && (stale.cpus[i] & (1 << cpu)) !== 0;
}

/** Does a walk of the page table lead to the same frame, with the same effect on the entry? */
function isAsGood(k: Kernel, mm: Mm, vpn: Vpn, stale: number, write: boolean): boolean {
  const now = pteAt(k, mm, vpn);
  if (!pteReadable(now)) return false;
  return write ? translation(now) === stale : ptePfn(now) === ptePfn(stale);
}

/** The walk had the same outcome as an entry that this CPU may have: it may be that entry that was used, and is kept. */
function mayKeep(k: Kernel, mm: Mm, vpn: Vpn, write: boolean): boolean {
  const tlb = k.tlb as Tlb;
  for (let i = 0; i < tlb.count; i++) {
    const pte = tlb.stale.pte[i];
    const allows = !write || (pte & PTE_WRITE) !== 0;
    if (isOf(tlb, k, mm, vpn, current, i) && allows && isAsGood(k, mm, vpn, pte, write)) return true;
  }
  return false;
}

/** This CPU has looked the page up in the page table, or had a fault there: its old translations are gone. */
function forget(k: Kernel, mm: Mm, vpn: Vpn): void {
  const tlb = k.tlb as Tlb;
  if (tlb.count === 0) return;
  const { cpus } = tlb.stale;
  for (let i = 0; i < tlb.count; i++) if (isOf(tlb, k, mm, vpn, current, i)) cpus[i] &= ~(1 << current);
  removeWhere(tlb, (i) => cpus[i] === 0);
}

/** The frame of entry number `n`. Raises a `use-after-free` finding when the frame has been freed since. */
function staleFrame(k: Kernel, vpn: Vpn, n: number, verb: string): Pfn {
  const { stale } = k.tlb as Tlb;
  const pfn = ptePfn(stale.pte[n - 1]);
  const { flags, generation } = k.frames;
  if ((flags[pfn] & PG_buddy) !== 0 || generation[pfn] !== stale.generation[n - 1]) {
    const task = activeMachine().tasks[current].name;
    throw new Finding(
      "use-after-free",
      `${task} ${verb} page ${vpn} in frame ${pfn}, which was freed before the TLB flush`,
    );
  }
  return pfn;
}

/** A load through stale entry number `n`. */
export function staleRead(k: Kernel, vpn: Vpn, n: number): number {
  return k.frames.content[staleFrame(k, vpn, n, "reads")];
}

/** A store through stale entry number `n`: the page table does not hear of it. */
export function staleWrite(k: Kernel, vpn: Vpn, n: number, content: number): void {
  k.frames.content[staleFrame(k, vpn, n, "writes to")] = content;
}

/** For tests: does the translation of the page table cover all that CPUs may still have of it? */
export function isFlushed(k: Kernel, mm: Mm, vpn: Vpn): boolean {
  const { tlb } = k;
  const now = pteAt(k, mm, vpn);
  for (let i = 0; tlb !== null && i < tlb.count; i++) {
    if (tlb.stale.place[i] !== placeOf(k, mm, vpn)) continue;
    if (!pteReadable(now) || !covers(translation(now), tlb.stale.pte[i])) return false;
  }
  return true;
}
