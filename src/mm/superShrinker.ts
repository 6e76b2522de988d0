/**
 * The shrinker of a file system (super_cache_scan in fs/super.c, prune_icache_sb in fs/inode.c): inodes that nobody uses leave
 * memory, the oldest first.
 *
 *   last user gone ─▶ LRU of unused inodes, if its page cache is empty ─▶ scan: in use again ─▶ off the list
 *                                                                             has pages again ─▶ they are dropped first
 *                                                                             else ─▶ evicted
 *
 * Runs in anybody's allocation: without __GFP_FS the task may hold locks of this file system, and s_umount is only tried, as
 * who mounts and unmounts allocates with it held. An inode's place in the pool stands for the inode on disk too, which stays.
 */
import { column, columns } from "../machine/columns.ts";
import type { Handle, Task } from "../machine/core.ts";
import { __GFP_FS } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, spinlockField, unlock } from "../machine/mutex.ts";
import { downRead, downReadTrylock, downWrite, type RwSem, rwsemField, upRead, upWrite } from "../machine/rwsem.ts";
import { int, struct } from "../machine/struct.ts";
import { invalidateMappingPages } from "./dropCaches.ts";
import { EXT4, type Inode } from "./fs.ts";
import { putInode } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { mmAccountReclaimedPages } from "./scanControl.ts";
import {
  createShrinker,
  SHRINK_EMPTY,
  SHRINK_STOP,
  type ShrinkControl,
  type Shrinker,
  unregisterShrinker,
} from "./shrinker.ts";
import { watchInodes } from "./superBlocks.ts";
import { currentIsKswapd } from "./throttle.ts";
import { countVm, EV } from "./vmstat.ts";

/** super_block: one for all inodes of the disk file system. */
export interface SuperBlock extends Handle {
  readonly sUmount: RwSem;
  readonly lruLock: Mutex;
  /** Inode slot + 1 of the oldest and the newest unused inode. */
  oldest: number;
  newest: number;
  count: number;
  /** False = it waits for s_umount, as no file system may. */
  readonly tries: boolean;
  /** At the slot of an inode: on the list? Who is newer? Used since the last scan? Out of memory? */
  readonly inodes: ReturnType<typeof createColumns>;
  readonly shrinker: Shrinker<SuperBlock>;
}
const superStruct = struct("superBlock", {
  sUmount: rwsemField(),
  lruLock: spinlockField(),
  oldest: int({ guardedBy: "lruLock" }),
  newest: int({ guardedBy: "lruLock" }),
  count: int({ ordered: "list_lru_count reads it without the lock" }),
});
const createColumns = (n: number) => {
  const ordered = "the lock of the list";
  return columns("unusedInode", n, {
    listed: column({ ordered }),
    newer: column({ ordered }),
    referenced: column({ ordered: "atomic bit" }),
    evicted: column({ ordered: "i_lock" }),
  });
};

/** Set-up: the file system of `k`; its shrinker is to be registered, which mounting does. */
export function createSuperBlock(m: Machine, k: Kernel, tries = true): SuperBlock {
  const sb = Object.assign(superStruct.create("sb"), { inodes: createColumns(k.inodes.length), tries });
  const ops = { countObjects: superCacheCount, scanObjects: superCacheScan };
  const options = { batch: 1024, numaAware: false, memcgAware: false };
  const shrinker = createShrinker<SuperBlock>(m, k, "sb.shrinker", ops, sb as unknown as SuperBlock, options);
  const all = Object.assign(sb, { shrinker });
  supers.set(k, all);
  watchInodes(k, {
    unused: inodeAddLru,
    opened: (inode) => {
      all.inodes.evicted[inode.slot] = 0;
    },
  });
  return all;
}
const supers = new WeakMap<Kernel, SuperBlock>();

/** generic_shutdown_super: with s_umount held, the shrinker goes; when it returns nobody scans any more. */
export function* killSuper(k: Kernel, sb: SuperBlock): Task {
  yield* downWrite(sb.sUmount);
  yield* unregisterShrinker(k, sb.shrinker);
  yield* upWrite(sb.sUmount);
}

/** mapping_shrinkable: neither pages nor shadows, so that freeing the inode loses nothing that reclaim wants to know. */
const isEmpty = (inode: Inode): boolean => inode.nrpages + inode.nrshadows === 0;

/** inode_add_lru: the last user has gone, or the last page of an inode without users. */
function* inodeAddLru(k: Kernel, inode: Inode): Task {
  const sb = supers.get(k) as SuperBlock;
  if (inode.kind !== EXT4 || inode.refs > 0 || !inode.linked || !isEmpty(inode)) return;
  yield* lock(sb.lruLock);
  if (sb.inodes.listed[inode.slot] === 0) append(sb, inode.slot);
  else sb.inodes.referenced[inode.slot] = 1;
  yield* unlock(sb.lruLock);
}

function append(sb: SuperBlock, slot: number): void {
  sb.inodes.listed[slot] = 1;
  sb.inodes.newer[slot] = 0;
  if (sb.newest === 0) sb.oldest = slot + 1;
  else sb.inodes.newer[sb.newest - 1] = slot + 1;
  sb.newest = slot + 1;
  sb.count++;
}

/** The oldest, off the list. */
function shift(sb: SuperBlock): number {
  const slot = sb.oldest - 1;
  sb.oldest = sb.inodes.newer[slot];
  if (sb.oldest === 0) sb.newest = 0;
  sb.inodes.newer[slot] = 0;
  sb.inodes.listed[slot] = 0;
  sb.count--;
  return slot;
}

/** super_cache_count. */
function* superCacheCount(_k: Kernel, shrinker: Shrinker): Task<number> {
  const { count } = shrinker.owner as SuperBlock;
  return count === 0 ? SHRINK_EMPTY : count;
}

/** super_cache_scan. */
function* superCacheScan(k: Kernel, shrinker: Shrinker, sc: ShrinkControl): Task<number> {
  const sb = shrinker.owner as SuperBlock;
  if ((sc.gfpMask & __GFP_FS) === 0) return SHRINK_STOP;
  if (!sb.tries) yield* downRead(sb.sUmount);
  else if (!(yield* downReadTrylock(sb.sUmount))) return SHRINK_STOP;
  const freed = yield* pruneIcache(k, sb, sc.nrToScan);
  yield* upRead(sb.sUmount);
  return freed;
}

/** prune_icache_sb: looks at up to `n` inodes. How many were evicted. */
function* pruneIcache(k: Kernel, sb: SuperBlock, n: number): Task<number> {
  let freed = 0;
  yield* lock(sb.lruLock);
  for (let left = Math.min(n, sb.count); left > 0 && sb.count > 0; left--) {
    const slot = shift(sb);
    const inode = k.inodes[slot];
    if (inode.kind !== EXT4 || inode.refs > 0 || !inode.linked) continue; // its next last user puts it back
    if (sb.inodes.referenced[slot] === 1) {
      sb.inodes.referenced[slot] = 0;
      append(sb, slot);
      continue;
    }
    if (isEmpty(inode)) {
      // There is nothing left to write or to drop.
      sb.inodes.evicted[slot] = 1;
      freed++;
      continue;
    }
    // It was opened and read since it came here. With a reference it stays, whatever becomes of its name.
    append(sb, slot);
    inode.refs++;
    yield* unlock(sb.lruLock);
    yield* dropPages(k, inode);
    yield* putInode(k, inode);
    yield* lock(sb.lruLock);
  }
  yield* unlock(sb.lruLock);
  return freed;
}

/** The pages count for whoever reclaims. */
function* dropPages(k: Kernel, inode: Inode): Task {
  const dropped = yield* invalidateMappingPages(k, inode, 0, k.filePages);
  countVm(k, currentIsKswapd() ? EV.kswapd_inodesteal : EV.pginodesteal, dropped);
  mmAccountReclaimedPages(k, dropped);
}
