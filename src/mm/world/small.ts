/**
 * The small machine of all scenarios and cases: one node, a handful of frames, page tables of two entries. And what must be
 * true of it: in every state page tables, counts and rights agree; at the end everything has come back, or somebody says
 * that it is his.
 *
 *   setup(m, v) {
 *     const k = smallKernel(m, { rules: rules("linux-6.1") });
 *     const p = createProcess(k);
 *     m.boot(anonPages, [k, p, A, 2]);             // done before the first step: pages.ts
 *     m.spawn("driver", …); m.spawn("dropper", …);
 *   }
 */
import type { Machine } from "../../machine/machine.ts";
import { checkEveryStep } from "../checks.ts";
import { createKernel, type Kernel, type KernelOptions } from "../kernel.ts";
import { referencesHeld } from "./claims.ts";

/** First page of window A, in which the scenarios map their memory. */
export const A = 8;

const SMALL: KernelOptions = {
  frames: 6,
  nodes: 1,
  tableShift: 1,
  windowShift: 3,
  tables: 8,
  mms: 2,
  processes: 3,
  vmas: 4,
  inodes: 1,
  files: 1,
  filePages: 2,
  gathers: 3,
  gatherPages: 4,
  seqMask: 7,
  watchPtes: true,
};

/**
 * Set-up: the kernel, with its invariants. When the last task ends and processes live on, each reference to a frame is one of
 * page tables, caches or LRU batches, or somebody has claimed it (`claimReferences`). When all processes are gone, everything
 * must be free that nobody has claimed.
 */
export function smallKernel(m: Machine, options: KernelOptions = {}): Kernel {
  const k = createKernel(m, { ...SMALL, ...options });
  checkEveryStep(m, k);
  m.atEnd("memory", () => {
    const alive = k.mms.some((mm) => mm.pgd !== 0);
    return referencesHeld(k, alive) ?? (alive || allGone(k));
  });
  return k;
}

function allGone(k: Kernel): string | true {
  const { state } = k;
  if (state.tablesInUse !== 0) return `${state.tablesInUse} page tables are not free`;
  const lost = [
    ["mms", k.mms.length, length(state.freeMm)],
    ["VMAs", k.vmas.length, length(state.freeVma)],
    ["anon_vmas", k.vmas.length, length(state.freeAnonVma)],
    ["anon_vma_chains", 4 * k.vmas.length, length(state.freeChain)],
    ["inodes", k.inodes.length, length(state.freeInode)],
  ] as const;
  for (const [name, all, free] of lost) if (free !== all) return `${free} of ${all} ${name} are free at the end`;
  for (const mm of k.mms) {
    const sum = [mm.rssAnon, mm.rssFile, mm.rssShmem, mm.tlbFlushPending, mm.mmUsers.value, mm.mmCount.value];
    if (sum.some((n) => n !== 0))
      return `${mm.name} ends with rss, pending flushes, users and references ${sum.join()}`;
  }
  return true;
}

function length<T extends { nextFree: T | null }>(first: T | null): number {
  let n = 0;
  for (let at = first; at; at = at.nextFree) n++;
  return n;
}
