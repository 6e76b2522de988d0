/**
 * Kernel memory of cgroups (struct obj_cgroup in mm/memcontrol.c): page tables and kernel stacks are charged by the page,
 * structs by the byte. Who asks pays, not whose memory it is for.
 *
 *   struct ─stock of bytes?─▶ done      else whole pages from the cgroup's counter; what is left of the last is the stock
 *
 * Page tables wait for reclaim when the limit is reached. Structs do not here: they are charged beyond it, and the next
 * page makes up for it.
 */
import type { Handle, Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import { placeOf } from "./kmemTypes.ts";
import { memcgRstatUpdated } from "./memcgStat.ts";
import { refillStock } from "./memcgStock.ts";
import { chargeNow, taskMemcg, tryCharge } from "./memcontrol.ts";

const PAGE = 4096;
/** Each struct of a slab has a pointer to who pays for it. */
const OBJ_CGROUP = 8;

// Sizes of slab objects in linux-image-6.1.0-56-amd64, as its /proc/slabinfo has them.
export const VM_AREA_BYTES = 152 + OBJ_CGROUP;
export const ANON_VMA_BYTES = 104 + OBJ_CGROUP;
export const ANON_VMA_CHAIN_BYTES = 64 + OBJ_CGROUP;
/** Inode of tmpfs or ext4, with what the security module keeps there, and its name. */
const NAME_BYTES = 192 + OBJ_CGROUP + 32 + OBJ_CGROUP;
export const SHMEM_INODE_BYTES = 784 + OBJ_CGROUP + NAME_BYTES;
export const EXT4_INODE_BYTES = 1192 + OBJ_CGROUP + NAME_BYTES;
/** seq_file's buffer, when a small file of the kernel is read. */
export const SEQ_BUFFER_BYTES = PAGE + OBJ_CGROUP;
/** A buffer_head, and a node of a page cache (radix_tree_node). */
export const BUFFER_HEAD_BYTES = 104 + OBJ_CGROUP;
export const CACHE_NODE_BYTES = 576 + OBJ_CGROUP;
export const FILE_BYTES = 256 + OBJ_CGROUP;
/** task_struct and pid; a process also has mm_struct, signal, sighand, files and cred. */
export const THREAD_BYTES = 6208 + OBJ_CGROUP + 128 + OBJ_CGROUP;
export const PROCESS_BYTES = THREAD_BYTES + 1152 + 1152 + 2112 + 704 + 192 + 5 * OBJ_CGROUP;
/** THREAD_SIZE. */
export const KERNEL_STACK_PAGES = 4;

/** A struct of so many bytes is the running task's from now on. */
export function chargeObject(k: Kernel, object: Handle, bytes: number): void {
  const memcg = taskMemcg();
  if (memcg === 0) return;
  k.kmem.objects.payer[placeOf(k.kmem, object)] = memcg;
  chargeBytes(k, memcg, bytes);
}

/** obj_cgroup_charge: structs whose cgroup is known otherwise, as that of buffers by their folio. Waits for reclaim. 0 or -ENOMEM. */
export function* tryChargeBytes(k: Kernel, memcg: number, gfp: number, bytes: number): Task<number> {
  if (memcg === 0 || consumeBytes(k, memcg, bytes)) return 0;
  const pages = Math.ceil(bytes / PAGE);
  const error = yield* tryCharge(k, memcg, gfp, pages);
  if (error !== 0) return error;
  memcgRstatUpdated(k, pages); // MEMCG_KMEM
  refillBytes(k, memcg, pages * PAGE - bytes);
  return 0;
}

/** It is freed. */
export function unchargeObject(k: Kernel, object: Handle, bytes: number): void {
  if (k.memcgParents.length === 1) return;
  const at = placeOf(k.kmem, object);
  const memcg = k.kmem.objects.payer[at];
  if (memcg === 0) return;
  k.kmem.objects.payer[at] = 0;
  unchargeBytes(k, memcg, bytes);
}

/**
 * A call of the running task that allocates `bytes` for as long as it takes. Who pays; `endCall` gives it back.
 * Nothing waits meanwhile.
 */
export function chargeCall(k: Kernel, bytes: number): number {
  const memcg = taskMemcg();
  if (memcg !== 0) chargeBytes(k, memcg, bytes);
  return memcg;
}
export function endCall(k: Kernel, memcg: number, bytes: number): void {
  if (memcg !== 0) unchargeBytes(k, memcg, bytes);
}

/** obj_cgroup_charge. */
function chargeBytes(k: Kernel, memcg: number, bytes: number): void {
  if (consumeBytes(k, memcg, bytes)) return;
  const pages = Math.ceil(bytes / PAGE);
  chargeNow(k, memcg, pages);
  memcgRstatUpdated(k, pages); // MEMCG_KMEM
  refillBytes(k, memcg, pages * PAGE - bytes);
}

/** obj_cgroup_uncharge. */
export function unchargeBytes(k: Kernel, memcg: number, bytes: number): void {
  if (memcg === 0) return;
  refillBytes(k, memcg, bytes);
  const { state } = k;
  if (state.objStockBytes <= PAGE) return;
  const pages = Math.floor(state.objStockBytes / PAGE);
  refillStock(k, memcg, pages);
  memcgRstatUpdated(k, pages);
  state.objStockBytes %= PAGE;
}

function consumeBytes(k: Kernel, memcg: number, bytes: number): boolean {
  const { state } = k;
  if (state.objStockMemcg !== memcg || state.objStockBytes < bytes) return false;
  state.objStockBytes -= bytes;
  return true;
}

function refillBytes(k: Kernel, memcg: number, bytes: number): void {
  const { state } = k;
  if (state.objStockMemcg !== memcg) {
    drainObjStock(k);
    state.objStockMemcg = memcg;
    state.objStockBytes = k.kmem.memcgs.bytes[memcg];
    k.kmem.memcgs.bytes[memcg] = 0;
  }
  state.objStockBytes += bytes;
}

/** drain_obj_stock: whole pages are given back, the rest is kept for when this cgroup is at it again. */
export function drainObjStock(k: Kernel): void {
  const { state } = k;
  const { objStockMemcg: memcg, objStockBytes: bytes } = state;
  if (memcg === 0) return;
  if (bytes >= PAGE) refillStock(k, memcg, Math.floor(bytes / PAGE));
  k.kmem.memcgs.bytes[memcg] += bytes % PAGE;
  state.objStockMemcg = 0;
  state.objStockBytes = 0;
}

/** Whole pages at once, whatever the limit: kernel stacks. Who was charged; 0 = nobody. */
export function chargePagesNow(k: Kernel, n: number): number {
  const memcg = taskMemcg();
  if (memcg !== 0) chargeNow(k, memcg, n);
  return memcg;
}

/** obj_cgroup_uncharge_pages. */
export function unchargePages(k: Kernel, memcg: number, n: number): void {
  if (memcg !== 0) refillStock(k, memcg, n);
}
