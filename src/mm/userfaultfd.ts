/**
 * userfaultfd, its write protection (fs/userfaultfd.c, mm/userfaultfd.c): a monitor takes the right to write away from entries, and gives
 * it back; who writes meanwhile sleeps until then.
 *
 *   protect, unprotect:  mmap_lock for reading ─▶ change_protection ─▶ flush
 *
 * Unprotecting, too, takes the right to write away from private entries that have it: the next write fault gives it back.
 */
import type { Task } from "../machine/core.ts";
import { ENOENT } from "../machine/errno.ts";
import { downRead, downWrite, upRead, upWrite } from "../machine/rwsem.ts";
import type { Kernel } from "./kernel.ts";
import { type Mm, type Process, VM_UFFD_WP } from "./mmTypes.ts";
import { tlbFinish, tlbGather } from "./mmuGather.ts";
import { CP_UFFD_WP, CP_UFFD_WP_RESOLVE, changeProtection } from "./mprotect.ts";
import type { Vpn } from "./page.ts";
import { vmaLookup } from "./vma.ts";

/** UFFDIO_REGISTER with UFFDIO_REGISTER_MODE_WP, for the whole of the VMA at `at`. 0 or -ENOENT. */
export function* userfaultfdRegisterWp(p: Process, at: Vpn): Task<number> {
  const mm = p.mm as Mm;
  yield* downWrite(mm.mmapLock);
  const vma = vmaLookup(mm, at);
  if (vma) vma.flags |= VM_UFFD_WP;
  yield* upWrite(mm.mmapLock);
  return vma ? 0 : -ENOENT;
}

/** mwriteprotect_range: [at, at + n), within one VMA. 0 or -ENOENT. */
export function* mwriteprotectRange(k: Kernel, p: Process, at: Vpn, n: number, enable: boolean): Task<number> {
  const mm = p.mm as Mm;
  yield* downRead(mm.mmapLock);
  const vma = vmaLookup(mm, at);
  const known = vma !== null && (vma.flags & VM_UFFD_WP) !== 0 && at + n <= vma.end;
  if (known) {
    const tlb = tlbGather(k, mm);
    yield* changeProtection(k, tlb, vma, at, at + n, enable ? CP_UFFD_WP : CP_UFFD_WP_RESOLVE);
    yield* tlbFinish(k, tlb);
  }
  yield* upRead(mm.mmapLock);
  return known ? 0 : -ENOENT;
}
