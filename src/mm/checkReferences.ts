/** Who has references, and where pages are found: what must hold while no task is inside of a call. */
import { unchecked } from "../machine/core.ts";
import { cacheSlot } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { BATCH_SIZE, NR_BATCHES } from "./lruTypes.ts";
import { linearPageIndex, type Mm, type Vma } from "./mmTypes.ts";
import { type Pfn, PG_private, ZERO_PFN } from "./page.ts";
import { isMigrationType, type Pte, pteAt, ptePfn, ptePresent, pteSpecial, swpType } from "./pageTable.ts";
import { folioAnonVma, folioInode } from "./rmap.ts";

/**
 * References of every frame that page tables, the page cache, buffers and LRU batches account for, and the one that
 * keeps the zero page. Pins and isolated pages come on top.
 */
export function expectedReferences(k: Kernel): Int32Array {
  return unchecked(() => {
    const { flags, mapcount } = k.frames;
    const refs = Int32Array.from(mapcount as ArrayLike<number>);
    refs[ZERO_PFN] = 1;
    for (let pfn = 1; pfn < refs.length; pfn++) if ((flags[pfn] & PG_private) !== 0) refs[pfn]++;
    for (const inode of k.inodes) {
      if (inode.nrpages === 0) continue;
      for (let i = 0; i < k.filePages; i++) {
        const cached = k.cache.page[cacheSlot(k, inode, i)];
        if (cached > 0) refs[cached - 1]++;
      }
    }
    for (let b = 0; b < NR_BATCHES; b++) {
      for (let i = 0; i < k.lru.batches.count[b]; i++) refs[k.lru.batched.page[b * BATCH_SIZE + i] >> 2]++;
    }
    return refs;
  });
}

/**
 * Every mapped page is where the reverse mapping looks for it: its index is that of the VMA at this address, and the VMA
 * hangs on the page's anon_vma, or maps its inode. The first that is not, in words; null = all are.
 */
export function checkRmap(k: Kernel): string | null {
  return unchecked(() => {
    for (const mm of k.mms) {
      for (let vma = mm.pgd === 0 ? null : mm.mmap; vma; vma = vma.next) {
        const wrong = checkVmaRmap(k, mm, vma);
        if (wrong !== null) return wrong;
      }
    }
    return null;
  });
}

function checkVmaRmap(k: Kernel, mm: Mm, vma: Vma): string | null {
  for (let at = vma.start; at < vma.end; at++) {
    const pte: Pte = pteAt(k, mm, at);
    const moving = pte !== 0 && !ptePresent(pte) && isMigrationType(swpType(pte));
    if ((!ptePresent(pte) || pteSpecial(pte)) && !moving) continue;
    const pfn = ptePfn(pte);
    if (k.frames.index[pfn] !== linearPageIndex(vma, at)) {
      return `page ${at} of ${mm.name} maps frame ${pfn}, which has index ${k.frames.index[pfn]}`;
    }
    if (!isFoundBy(k, pfn, vma)) return `page ${at} of ${mm.name} maps frame ${pfn}, whose reverse mapping misses it`;
  }
  return null;
}

function isFoundBy(k: Kernel, pfn: Pfn, vma: Vma): boolean {
  const av = folioAnonVma(k, pfn);
  if (!av) return vma.inode !== null && folioInode(k, pfn) === vma.inode;
  for (let avc = av.chains; avc; avc = avc.sameAnonVma) if (avc.vma === vma) return true;
  return false;
}
