/**
 * Where zram keeps what was swapped out (mm/zsmalloc.c, drivers/block/zram): compressed, in pages that it takes from the same memory
 * while reclaim is trying to free some.
 *
 *   zspage   has room: listed, newest first ─full─▶ not listed ─one is freed─▶ listed ─the last one is freed─▶ given back
 *
 * All objects are of one size: so many fit into a page. Only for synchronous devices; without the option nothing is taken.
 */
import { column, columns } from "../machine/columns.ts";
import type { Handle, Task } from "../machine/core.ts";
import { __GFP_HIGHMEM, __GFP_KSWAPD_RECLAIM, __GFP_MOVABLE, __GFP_NOWARN } from "../machine/gfp.ts";
import { lock, type Mutex, spinlock, unlock } from "../machine/mutex.ts";
import { int, struct } from "../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import type { Pfn } from "./page.ts";
import { allocPage, freePage } from "./pageAlloc.ts";

/** It may not sleep: the slot is being written. Reclaim has PF_MEMALLOC, and so the reserves. */
const GFP = __GFP_KSWAPD_RECLAIM | __GFP_NOWARN | __GFP_HIGHMEM | __GFP_MOVABLE;

interface ZramState extends Handle {
  /** The newest zspage with room (pfn + 1). */
  partial: number;
}

export interface Zram {
  readonly objectsPerPage: number;
  /** The lock of the size class. Inside of swap_info.lock. */
  readonly lock: Mutex;
  readonly state: ZramState;
  readonly slots: ReturnType<typeof createSlots>;
}

const guard = "the lock of the size class";
const stateStruct = struct("zram", { partial: int({ ordered: guard }) });
const createSlots = (n: number) =>
  columns("zramSlot", n, {
    /** The zspage that has its content (pfn + 1); 0 = none. `private` of a zspage: objects in it. */
    zspage: column({ ordered: guard }),
  });

/** Set-up: for `slots` slots. */
export function createZram(slots: number, objectsPerPage: number): Zram {
  return {
    objectsPerPage,
    lock: spinlock("zsClass", "size_class.lock"),
    state: stateStruct.create("zram") as ZramState,
    slots: createSlots(slots),
  };
}

/** zs_malloc for the content of a slot; false without memory. */
export function* zramStore(k: Kernel, slot: number): Task<boolean> {
  const zram = k.swap.zram as Zram;
  yield* zramFree(k, slot);
  yield* lock(zram.lock);
  if (zram.state.partial === 0) {
    yield* unlock(zram.lock);
    const fresh = yield* allocPage(k, GFP);
    if (fresh < 0) return false;
    yield* lock(zram.lock);
    list(k, zram, fresh);
  }
  const pfn = zram.state.partial - 1;
  k.frames.private[pfn]++;
  zram.slots.zspage[slot] = pfn + 1;
  if (k.frames.private[pfn] === zram.objectsPerPage) unlist(k, zram, pfn);
  yield* unlock(zram.lock);
  return true;
}

/** zram_slot_free_notify: the content is not needed any more. */
export function* zramFree(k: Kernel, slot: number): Task {
  const { zram } = k.swap;
  if (zram === null || zram.slots.zspage[slot] === 0) return;
  yield* lock(zram.lock);
  const pfn = zram.slots.zspage[slot] - 1;
  zram.slots.zspage[slot] = 0;
  if (k.frames.private[pfn] === zram.objectsPerPage) list(k, zram, pfn);
  k.frames.private[pfn]--;
  const empty = k.frames.private[pfn] === 0;
  if (empty) {
    unlist(k, zram, pfn);
    k.frames.refcount[pfn] = 0;
  }
  yield* unlock(zram.lock);
  if (empty) yield* freePage(k, pfn);
}

function list(k: Kernel, { state }: Zram, pfn: Pfn): void {
  const { frames } = k;
  frames.next[pfn] = state.partial;
  frames.prev[pfn] = 0;
  if (state.partial !== 0) frames.prev[state.partial - 1] = pfn + 1;
  state.partial = pfn + 1;
}

function unlist(k: Kernel, { state }: Zram, pfn: Pfn): void {
  const { frames } = k;
  const next = frames.next[pfn];
  const prev = frames.prev[pfn];
  if (prev === 0) state.partial = next;
  else frames.next[prev - 1] = next;
  if (next !== 0) frames.prev[next - 1] = prev;
  frames.next[pfn] = 0;
  frames.prev[pfn] = 0;
}
