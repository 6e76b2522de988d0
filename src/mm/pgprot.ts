/** Page protection of a VMA as page-table bits (vm_get_page_prot, vma_set_page_prot). */
import { EXT4 } from "./fs.ts";
import { VM_EXEC, VM_PFNMAP, VM_READ, VM_SHARED, VM_SOFTDIRTY, VM_WRITE, type Vma } from "./mmTypes.ts";
import { PTE_PROTNONE, PTE_WRITE, PTE_YOUNG, type Pte, pteBits } from "./pageTable.ts";

/** Bits of vm_page_prot: private mappings never write at once, shared ones unless writes must be noticed. */
export function vmPageProt(vma: Vma): number {
  const { flags } = vma;
  if ((flags & (VM_READ | VM_WRITE | VM_EXEC)) === 0) return PTE_PROTNONE | PTE_YOUNG;
  const writable = (flags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED) && !vmaWantsWritenotify(vma);
  return PTE_YOUNG | (writable ? PTE_WRITE : 0);
}

/** Must the first write to each clean page fault? For file systems that write back, and for soft-dirty tracking. */
export function vmaWantsWritenotify(vma: Vma): boolean {
  const { flags } = vma;
  if ((flags & (VM_WRITE | VM_SHARED)) !== (VM_WRITE | VM_SHARED)) return false;
  if (vma.inode?.kind === EXT4) return true;
  return (flags & VM_PFNMAP) === 0 && vmaSoftDirtyEnabled(vma);
}

/** Somebody has cleared soft-dirty bits since the VMA was made. */
export const vmaSoftDirtyEnabled = (vma: Vma): boolean => (vma.flags & VM_SOFTDIRTY) === 0;

const CHANGED = PTE_PROTNONE | PTE_WRITE;
/** pte_modify: new rights; the page and everything that was noted about its use stay. */
export function pteModify(pte: Pte, prot: number): Pte {
  const low = pteBits(pte);
  return (pte - low) | (low & ~CHANGED) | (prot & CHANGED);
}
