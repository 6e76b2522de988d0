/** Access to the memory of other processes: process_vm_readv and writev, /proc/PID/mem. */
import type { Task } from "../machine/core.ts";
import { EFAULT, EIO, ESRCH } from "../machine/errno.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { mmput } from "./exit.ts";
import {
  FOLL_FORCE,
  FOLL_GET,
  FOLL_PIN,
  FOLL_REMOTE,
  FOLL_TOUCH,
  FOLL_WRITE,
  getUserPages,
  type Pages,
  unpinUserPages,
} from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { getTaskMm } from "./mmUsers.ts";
import type { Vpn } from "./page.ts";
import { setPageDirtyLock } from "./pageWriteback.ts";

/** Bytes of a page that a call copies. */
export const WORD = 8;
export const PAGE = 4096;

/**
 * process_vm_readv, process_vm_writev of `n` pages through short pins, which end with each page: `content`, `content` + 1, …
 * are written, -1 = read (the last page to `p.remote`). The bytes copied before the first page that cannot be had, or
 * -EFAULT when there are none; -ESRCH when the target has given up its memory.
 */
export function* processVmRw(
  k: Kernel,
  p: Process,
  target: Process,
  at: Vpn,
  n: number,
  content: number,
  bytes: number,
): Task<number> {
  // The memory of a process that ends meanwhile stays until we are done.
  const mm = yield* getTaskMm(target);
  if (!mm) return -ESRCH;
  let done = 0;
  while (done < n && (yield* copyPage(k, p, mm, at + done, content < 0 ? -1 : content + done))) done++;
  yield* mmput(k, mm);
  return done > 0 || n === 0 ? done * bytes : -EFAULT;
}

/** process_vm_rw_single_vec, one page. False when it cannot be pinned. */
function* copyPage(k: Kernel, p: Process, mm: Mm, at: Vpn, content: number): Task<boolean> {
  const write = content >= 0;
  const pages: Pages = k.scratch;
  const flags = FOLL_PIN | FOLL_TOUCH | FOLL_REMOTE | (write ? FOLL_WRITE : 0);
  yield* downRead(mm.mmapLock);
  const got = yield* getUserPages(k, mm, at, 1, flags, pages);
  yield* upRead(mm.mmapLock);
  if (got < 0) return false;
  const pfn = pages.pfn[0];
  if (write) k.frames.content[pfn] = content;
  else p.remote = k.frames.content[pfn];
  pages.pfn[0] = pfn;
  yield* unpinUserPages(k, pages, 1, flags, write);
  return true;
}

/** pwrite to /proc/PID/mem (access_remote_vm): also where the target itself may not write. 8 or -errno. */
export function* procMemWrite(k: Kernel, target: Process, at: Vpn, content: number): Task<number> {
  const mm = yield* getTaskMm(target);
  if (!mm) return 0;
  const flags = FOLL_GET | FOLL_TOUCH | FOLL_REMOTE | FOLL_FORCE | FOLL_WRITE;
  yield* downRead(mm.mmapLock);
  const got = yield* getUserPages(k, mm, at, 1, flags, k.scratch);
  if (got > 0) {
    const pfn = k.scratch.pfn[0];
    k.frames.content[pfn] = content;
    yield* setPageDirtyLock(k, pfn);
    k.scratch.pfn[0] = pfn;
    yield* unpinUserPages(k, k.scratch, 1, flags, false);
  }
  yield* upRead(mm.mmapLock);
  yield* mmput(k, mm);
  return got < 0 ? -EIO : WORD;
}
