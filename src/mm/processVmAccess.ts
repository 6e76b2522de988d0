/** Access to the memory of other processes: process_vm_readv and writev, /proc/PID/mem. */
import type { Task } from "../machine/core.ts";
import { ESRCH } from "../machine/errno.ts";
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
import type { Process } from "./mmTypes.ts";
import { getTaskMm } from "./mmUsers.ts";
import type { Vpn } from "./page.ts";
import { setPageDirtyLock } from "./pageWriteback.ts";

const BYTES = 8;

/** One word of the target is written (or read, for `content` -1) through a short pin. 8 or -errno. */
export function* processVmRw(k: Kernel, p: Process, target: Process, at: Vpn, content: number): Task<number> {
  const mm = yield* getTaskMm(target);
  if (!mm) return -ESRCH;
  const write = content >= 0;
  const pages: Pages = k.scratch;
  const flags = FOLL_PIN | FOLL_TOUCH | FOLL_REMOTE | (write ? FOLL_WRITE : 0);
  yield* downRead(mm.mmapLock);
  const got = yield* getUserPages(k, mm, at, 1, flags, pages);
  yield* upRead(mm.mmapLock);
  if (got < 0) {
    yield* mmput(k, mm);
    return got;
  }
  const pfn = pages.pfn[0];
  if (write) k.frames.content[pfn] = content;
  else p.remote = k.frames.content[pfn];
  pages.pfn[0] = pfn;
  yield* unpinUserPages(k, pages, 1, flags, write);
  yield* mmput(k, mm);
  return BYTES;
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
  return got < 0 ? -5 : BYTES;
}
