/**
 * anon_vmas and their chains (first half of mm/rmap.c): from an anonymous page to the VMAs that may map it. A page points
 * to one anon_vma; each VMA hangs on its own anon_vma and, after fork, on all those of its ancestors.
 *
 *   page.mapping ─▶ anon_vma ─chains─▶ VMA of the process that made the page, VMAs of processes forked afterwards
 *
 * All anon_vmas of a tree of forks share the lock of their root.
 */
import { handleOf, type Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import { freeObject, reuseObject } from "../machine/struct.ts";
import { shouldFail } from "./failingAllocations.ts";
import type { Kernel } from "./kernel.ts";
import { ANON_VMA_BYTES, ANON_VMA_CHAIN_BYTES, chargeObject, unchargeObject } from "./kmem.ts";
import type { AnonVma, AnonVmaChain, Vma } from "./mmTypes.ts";
import type { Pfn } from "./page.ts";

function anonVmaAlloc(k: Kernel): AnonVma | null {
  const av = k.state.freeAnonVma;
  if (!av || shouldFail(k)) return null;
  k.state.freeAnonVma = av.nextFree;
  reuseObject(av);
  av.nextFree = null;
  av.refcount = 1;
  av.numChildren = 0;
  av.numActiveVmas = 0;
  av.parent = av;
  av.root = av;
  chargeObject(k, av, ANON_VMA_BYTES);
  return av;
}

function chainAlloc(k: Kernel): AnonVmaChain | null {
  const avc = k.state.freeChain;
  if (!avc || shouldFail(k)) return null;
  k.state.freeChain = avc.nextFree;
  reuseObject(avc);
  avc.nextFree = null;
  chargeObject(k, avc, ANON_VMA_CHAIN_BYTES);
  return avc;
}

function chainFree(k: Kernel, avc: AnonVmaChain): void {
  unchargeObject(k, avc, ANON_VMA_CHAIN_BYTES);
  avc.vma = null;
  avc.anonVma = null;
  avc.sameVma = null;
  avc.nextFree = k.state.freeChain;
  k.state.freeChain = avc;
  freeObject(avc);
}

/**
 * folio_get_anon_vma: a reference to the anon_vma of a page that is mapped, and so has a VMA on it; else null. `mapcount`: read
 * in this step.
 */
export function folioGetAnonVma(k: Kernel, pfn: Pfn, mapcount: number): AnonVma | null {
  if (mapcount === 0) return null;
  const av = handleOf(k.frames.mapping[pfn] - 1) as AnonVma;
  av.refcount++;
  return av;
}

/** put_anon_vma. */
export function putAnonVma(k: Kernel, av: AnonVma): void {
  av.refcount--;
  if (av.refcount > 0) return;
  const root = av.root as AnonVma;
  must(av.chains === null, "use-after-free", `${av.name} is freed with VMAs on it`);
  unchargeObject(k, av, ANON_VMA_BYTES);
  av.parent = null;
  av.root = null;
  av.nextFree = k.state.freeAnonVma;
  k.state.freeAnonVma = av;
  freeObject(av);
  if (root !== av) putAnonVma(k, root);
}

/** anon_vma_interval_tree_insert: by first page offset, after those that are equal. Root lock held for writing. */
export function chainInsert(avc: AnonVmaChain): void {
  const av = avc.anonVma as AnonVma;
  const { pgoff } = avc.vma as Vma;
  let before: AnonVmaChain | null = null;
  for (let at = av.chains; at && (at.vma as Vma).pgoff <= pgoff; at = at.sameAnonVma) before = at;
  if (before) {
    avc.sameAnonVma = before.sameAnonVma;
    before.sameAnonVma = avc;
  } else {
    avc.sameAnonVma = av.chains;
    av.chains = avc;
  }
}

/** anon_vma_interval_tree_remove. Root lock held for writing. */
export function chainRemove(avc: AnonVmaChain): void {
  const av = avc.anonVma as AnonVma;
  if (av.chains === avc) {
    av.chains = avc.sameAnonVma;
  } else {
    let at = av.chains;
    while (at && at.sameAnonVma !== avc) at = at.sameAnonVma;
    if (at) at.sameAnonVma = avc.sameAnonVma;
  }
  avc.sameAnonVma = null;
}

function chainLink(vma: Vma, avc: AnonVmaChain, av: AnonVma): void {
  avc.vma = vma;
  avc.anonVma = av;
  avc.sameVma = vma.chains;
  vma.chains = avc;
  chainInsert(avc);
}

/** Has the VMA exactly one chain? */
export const isSingular = (vma: Vma): boolean => vma.chains !== null && vma.chains.sameVma === null;

/** anon_vma_prepare: before the first anonymous page of a VMA. mmap_lock held. False without memory. */
export function* anonVmaPrepare(k: Kernel, vma: Vma): Task<boolean> {
  if (vma.anonVma) return true;
  const avc = chainAlloc(k);
  if (!avc) return false;
  const reusable = findMergeableAnonVma(vma);
  const av = reusable ?? anonVmaAlloc(k);
  if (!av) {
    chainFree(k, avc);
    return false;
  }
  if (!reusable) av.numChildren++; // the root is its own parent
  const root = av.root as AnonVma;
  yield* downWrite(root.rwsem);
  // Two faults of one VMA may come here at once; the kernel decides under the page-table lock.
  const first = vma.anonVma === null;
  if (first) {
    vma.anonVma = av;
    chainLink(vma, avc, av);
    av.numActiveVmas++;
  }
  yield* upWrite(root.rwsem);
  if (!first) {
    chainFree(k, avc);
    if (!reusable) putAnonVma(k, av);
  }
  return true;
}

/** find_mergeable_anon_vma: the one of a neighbour with which this VMA could be merged one day. */
function findMergeableAnonVma(vma: Vma): AnonVma | null {
  const { next, prev } = vma;
  if (next && couldMerge(vma, next) && next.anonVma && isSingular(next)) return next.anonVma;
  if (prev && couldMerge(prev, vma) && prev.anonVma && isSingular(prev)) return prev.anonVma;
  return null;
}

/** anon_vma_compatible: adjacent, and differing at most in rights. */
function couldMerge(a: Vma, b: Vma): boolean {
  const rights = 0x7 | (1 << 15); // VM_ACCESS_FLAGS, VM_SOFTDIRTY
  return (
    a.end === b.start &&
    a.policy === b.policy &&
    a.inode === b.inode &&
    ((a.flags ^ b.flags) & ~rights) === 0 &&
    b.pgoff === a.pgoff + (b.start - a.start)
  );
}

/**
 * anon_vma_clone: `dst` hangs on all anon_vmas of `src`. When `dst` has none of its own yet (fork), it takes over one
 * that nobody uses any more. False without memory: then it hangs on none. Both mmap_locks held for writing.
 */
export function* anonVmaClone(k: Kernel, dst: Vma, src: Vma): Task<boolean> {
  const root = src.anonVma?.root ?? null;
  if (!root) return true;
  yield* downWrite(root.rwsem);
  let ok = true;
  for (let i = chainCount(src) - 1; i >= 0 && ok; i--) ok = cloneChain(k, dst, src, nthChain(src, i));
  if (ok && dst.anonVma) dst.anonVma.numActiveVmas++;
  yield* upWrite(root.rwsem);
  if (ok) return true;
  // An anon_vma that it was about to take over does not count it yet.
  dst.anonVma = null;
  yield* unlinkAnonVmas(k, dst);
  return false;
}

function cloneChain(k: Kernel, dst: Vma, src: Vma, from: AnonVmaChain): boolean {
  const avc = chainAlloc(k);
  if (!avc) return false;
  const av = from.anonVma as AnonVma;
  chainLink(dst, avc, av);
  const reusable = !dst.anonVma && src.anonVma && av.numChildren < 2 && av.numActiveVmas === 0;
  if (reusable) dst.anonVma = av;
  return true;
}

function chainCount(vma: Vma): number {
  let n = 0;
  for (let avc = vma.chains; avc; avc = avc.sameVma) n++;
  return n;
}

function nthChain(vma: Vma, n: number): AnonVmaChain {
  let avc = vma.chains;
  for (let i = 0; i < n && avc; i++) avc = avc.sameVma;
  return avc as AnonVmaChain;
}

/** anon_vma_fork: the child's VMA on the parent's anon_vmas, and on a new one for pages that the child will make. */
export function* anonVmaFork(k: Kernel, vma: Vma, parent: Vma): Task<boolean> {
  if (!parent.anonVma) return true;
  vma.anonVma = null;
  if (!(yield* anonVmaClone(k, vma, parent))) return false;
  if (vma.anonVma) return true;
  const av = anonVmaAlloc(k);
  const avc = av ? chainAlloc(k) : null;
  if (!av || !avc) {
    if (av) putAnonVma(k, av);
    yield* unlinkAnonVmas(k, vma);
    return false;
  }
  av.numActiveVmas++;
  const root = parent.anonVma.root as AnonVma;
  av.root = root;
  av.parent = parent.anonVma;
  root.refcount++;
  vma.anonVma = av;
  yield* downWrite(root.rwsem);
  chainLink(vma, avc, av);
  parent.anonVma.numChildren++;
  yield* upWrite(root.rwsem);
  return true;
}

/** unlink_anon_vmas: the VMA goes away; anon_vmas without VMAs too, unless children still need them. */
export function* unlinkAnonVmas(k: Kernel, vma: Vma): Task {
  const root = vma.chains?.anonVma?.root ?? null;
  if (!root) return;
  yield* downWrite(root.rwsem);
  detachChains(k, vma);
  if (vma.anonVma) vma.anonVma.numActiveVmas--;
  vma.anonVma = null;
  yield* upWrite(root.rwsem);
  dropChains(k, vma);
}

/** Chains of anon_vmas that have no other VMA stay with this one: it is the one who drops those. Root lock held. */
function detachChains(k: Kernel, vma: Vma): void {
  let last: AnonVmaChain | null = null;
  for (let avc = vma.chains; avc; ) {
    const next: AnonVmaChain | null = avc.sameVma;
    const av = avc.anonVma as AnonVma;
    chainRemove(avc);
    if (av.chains === null) {
      (av.parent as AnonVma).numChildren--;
      last = avc;
    } else {
      if (last) last.sameVma = next;
      else vma.chains = next;
      chainFree(k, avc);
    }
    avc = next;
  }
}

function dropChains(k: Kernel, vma: Vma): void {
  while (vma.chains) {
    const avc: AnonVmaChain = vma.chains;
    const av = avc.anonVma as AnonVma;
    vma.chains = avc.sameVma;
    chainFree(k, avc);
    putAnonVma(k, av);
  }
}
