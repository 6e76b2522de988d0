/**
 * Reading and writing swap (mm/page_io.c).
 *
 *   synchronous (zram)   write: writeback begins and ends here; unlocked      read: up to date, unlocked
 *   slow                 write: writeback, unlocked, request queued           read: request queued, the folio stays locked
 *                          the device's task, later: done ─▶ writeback ends / up to date, unlocked
 */
import { keepOrder, type Task } from "../machine/core.ts";
import { emit, tracing } from "../machine/events.ts";
import { broken } from "../machine/finding.ts";
import { ANYBODY, unlockFolio } from "../machine/folioLock.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { choose, until } from "../machine/wait.ts";
import type { Kernel } from "./kernel.ts";
import { memcgRstatUpdated } from "./memcgStat.ts";
import {
  clearFlag,
  folioLockWord,
  hasFlag,
  type Pfn,
  PG_dirty,
  PG_reclaim,
  PG_swapcache,
  PG_uptodate,
  PG_writeback,
  setFlag,
  testClearFlag,
} from "./page.ts";
import { folioRotateReclaimable } from "./swap.ts";
import { folioFreeSwap } from "./swapfile.ts";
import { READS_FAIL, WRITES_FAIL } from "./swapTypes.ts";
import { countVm, EV } from "./vmstat.ts";
import { zramStore } from "./zram.ts";

/** swap_writepage: 0. The folio is locked, in the swap cache and not dirty any more; it comes back unlocked. */
export function* swapWritepage(k: Kernel, pfn: Pfn): Task<number> {
  if (!hasFlag(k, pfn, PG_swapcache)) broken("assertion", `frame ${pfn} is written to swap and has no place there`);
  if (yield* folioFreeSwap(k, pfn)) {
    // Nobody has an entry for it any more.
    yield* unlockFolio(folioLockWord(k, pfn));
    return 0;
  }
  setFlag(k, pfn, PG_writeback);
  memcgRstatUpdated(k, 1); // NR_WRITEBACK
  countVm(k, EV.pswpout);
  if (tracing()) emit("swap_writepage", { pfn });
  if (k.swap.slow) {
    yield* queueRequest(k, (pfn << 1) | 1);
    yield* unlockFolio(folioLockWord(k, pfn));
    return 0;
  }
  yield* endWrite(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
  return 0;
}

/** swap_readpage: the folio is locked, and its `private` says which slot; the one who completes the request unlocks it. */
export function swapReadpage(k: Kernel, pfn: Pfn): Task {
  countVm(k, EV.pswpin);
  if (k.swap.slow) {
    k.frames.lock[pfn] = ANYBODY;
    return queueRequest(k, pfn << 1);
  }
  return endRead(k, pfn);
}

/** folio_end_writeback: whoever waits for it goes on; what reclaim has marked is the next that it sees. */
export function* folioEndWriteback(k: Kernel, pfn: Pfn): Task {
  if (testClearFlag(k, pfn, PG_reclaim)) yield* folioRotateReclaimable(k, pfn);
  keepOrder();
  if (!testClearFlag(k, pfn, PG_writeback)) broken("assertion", `frame ${pfn} ends a writeback that it is not under`);
  memcgRstatUpdated(k, 1);
}

/** folio_wait_writeback. Sleeps. */
export function* folioWaitWriteback(k: Kernel, pfn: Pfn): Task {
  if (!hasFlag(k, pfn, PG_writeback)) return;
  yield* until(() => (k.frames.flags[pfn] & PG_writeback) === 0);
}

/** submit_bio: sleeps while the queue is full. */
function* queueRequest(k: Kernel, request: number): Task {
  const { state, queue, queueLock } = k.swap;
  for (;;) {
    yield* until(() => k.swap.state.requests < k.swap.queue.count);
    yield* lock(queueLock);
    const free = state.requests < queue.count;
    if (free) {
      k.swap.queue.request[state.requests] = request;
      state.requests++;
    }
    yield* unlock(queueLock);
    if (free) return;
  }
}

/** Set-up: the task of a slow device. A daemon: it waits for requests and completes them, in any order. */
export function startSwapDevice(m: Machine, k: Kernel): void {
  m.spawn("swapDevice", swapDevice, [k], { daemon: true });
}

function* swapDevice(k: Kernel): Task {
  for (;;) {
    yield* until(() => k.swap.state.requests > 0);
    const which = k.swap.state.requests > 1 ? yield* choose(k.swap.state.requests) : 0;
    yield* complete(k, yield* takeRequest(k, which));
  }
}

function* takeRequest(k: Kernel, which: number): Task<number> {
  const { state, queueLock } = k.swap;
  yield* lock(queueLock);
  const { request } = k.swap.queue;
  const taken = request[which];
  state.requests--;
  request.copyWithin(which, which + 1, state.requests + 1);
  request[state.requests] = 0;
  yield* unlock(queueLock);
  return taken;
}

function* complete(k: Kernel, request: number): Task {
  if ((request & 1) !== 0) yield* endWrite(k, request >> 1);
  else yield* endRead(k, request >> 1);
}

/** end_swap_bio_write. What could not be written is dirty again, so that it is not thrown away; it stays where it is in the list. */
function* endWrite(k: Kernel, pfn: Pfn): Task {
  k.stat.deviceWrites++;
  const slot = k.frames.private[pfn];
  const kept = k.swap.zram === null || (yield* zramStore(k, slot));
  if (!kept || (k.swap.state.broken & WRITES_FAIL) !== 0) {
    k.stat.failures++;
    setFlag(k, pfn, PG_dirty);
    clearFlag(k, pfn, PG_reclaim);
  } else {
    k.swap.slots.disk[slot] = k.frames.content[pfn];
  }
  yield* folioEndWriteback(k, pfn);
}

/** end_swap_bio_read. What could not be read is not up to date: whoever wants it gets a signal. */
function* endRead(k: Kernel, pfn: Pfn): Task {
  k.stat.deviceReads++;
  if ((k.swap.state.broken & READS_FAIL) !== 0) {
    k.stat.failures++;
  } else {
    k.frames.content[pfn] = k.swap.slots.disk[k.frames.private[pfn]];
    setFlag(k, pfn, PG_uptodate);
  }
  yield* unlockFolio(folioLockWord(k, pfn));
}
