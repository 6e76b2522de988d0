/** Inodes: made, named, shared and given up (fs/inode.c). The last reference to one without a name frees its pages. */
import type { Task } from "../machine/core.ts";
import { freeObject, reuseObject } from "../machine/struct.ts";
import { cacheSlot, EXT4, type File, type Inode, O_CREAT, O_TRUNC, TMPFS } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { chargeObject, EXT4_INODE_BYTES, FILE_BYTES, SHMEM_INODE_BYTES, unchargeObject } from "./kmem.ts";
import { inodeOpened, inodeUnused } from "./superBlocks.ts";
import { truncateInodePages, truncateSetsize } from "./truncate.ts";

/** new_inode; null without memory. One reference, no name. */
export function inodeAlloc(k: Kernel, kind: number, size: number): Inode | null {
  const inode = k.state.freeInode;
  if (!inode) return null;
  k.state.freeInode = inode.nextFree;
  reuseObject(inode);
  inode.nextFree = null;
  inode.kind = kind;
  inode.size = size;
  inode.refs = 1;
  inode.linked = false;
  inode.path = 0;
  inode.nrpages = 0;
  inode.swapped = 0;
  inode.nrshadows = 0;
  chargeObject(k, inode, bytesOf(kind));
  inode.raStart = 0;
  inode.raSize = 0;
  inode.raAsync = 0;
  inode.mmapMiss = 0;
  return inode;
}

const bytesOf = (kind: number): number => (kind === TMPFS ? SHMEM_INODE_BYTES : EXT4_INODE_BYTES);

/** igrab, get_file: the caller has a reference already. */
export function getInode(inode: Inode): void {
  inode.refs++;
}

/** iput. */
export function* putInode(k: Kernel, inode: Inode): Task {
  inode.refs--;
  yield* evictIfUnused(k, inode);
}

function* evictIfUnused(k: Kernel, inode: Inode): Task {
  if (inode.refs > 0) return;
  if (inode.linked) {
    yield* inodeUnused(k, inode);
    return;
  }
  yield* truncateInodePages(k, inode, 0);
  // The next file in this place must not find what this one had on disk.
  for (let i = 0; i < k.filePages; i++) k.cache.disk[cacheSlot(k, inode, i)] = 0;
  unchargeObject(k, inode, bytesOf(inode.kind));
  inode.kind = 0;
  inode.nextFree = k.state.freeInode;
  k.state.freeInode = inode;
  freeObject(inode);
}

/** Set-up: a path that files may have; task code passes its number. "/tmp/…" is tmpfs, anything else ext4-like. */
export function nameFile(k: Kernel, path: string): number {
  const known = k.paths.indexOf(path);
  return known >= 0 ? known : k.paths.push(path) - 1;
}

function lookup(k: Kernel, path: number): Inode | null {
  return k.inodes.find((inode) => inode.linked && inode.path === path) ?? null;
}

/** open(2): a file, or -errno. */
export function* openFile(k: Kernel, path: number, flags: number): Task<File | number> {
  let inode = lookup(k, path);
  if (inode) {
    inode.refs++;
    inodeOpened(k, inode);
    if ((flags & O_TRUNC) !== 0 && inode.size > 0) yield* truncateSetsize(k, inode, 0);
  } else {
    if ((flags & O_CREAT) === 0) return -2;
    inode = inodeAlloc(k, k.paths[path].startsWith("/tmp/") ? TMPFS : EXT4, 0);
    if (!inode) return -28;
    inode.linked = true;
    inode.path = path;
  }
  const file = k.state.freeFile;
  if (!file) return -23;
  k.state.freeFile = file.nextFree;
  file.nextFree = null;
  file.inode = inode;
  chargeObject(k, file, FILE_BYTES);
  file.flags = flags;
  return file;
}

/** close(2). */
export function* closeFile(k: Kernel, file: File): Task<number> {
  const inode = file.inode as Inode;
  file.inode = null;
  unchargeObject(k, file, FILE_BYTES);
  file.nextFree = k.state.freeFile;
  k.state.freeFile = file;
  yield* putInode(k, inode);
  return 0;
}

/** unlink(2). */
export function* unlinkFile(k: Kernel, path: number): Task<number> {
  const inode = lookup(k, path);
  if (!inode) return -2;
  inode.linked = false;
  yield* evictIfUnused(k, inode);
  return 0;
}
