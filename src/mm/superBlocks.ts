/** Where a file system with a shrinker is told of inodes that come out of use or into it. Without one, nothing happens. */
import { immediately, type Task } from "../machine/core.ts";
import type { Inode } from "./fs.ts";
import type { Kernel } from "./kernel.ts";

export interface InodeWatcher {
  unused(k: Kernel, inode: Inode): Task;
  opened(inode: Inode): void;
}

const watchers = new WeakMap<Kernel, InodeWatcher>();

/** Set-up. */
export function watchInodes(k: Kernel, watcher: InodeWatcher): void {
  watchers.set(k, watcher);
}

/** Its last user has gone, or its pages have. */
export function inodeUnused(k: Kernel, inode: Inode): Task {
  return watchers.get(k)?.unused(k, inode) ?? (immediately(undefined) as never);
}

/** Somebody has found it by its name, and has a reference. */
export function inodeOpened(k: Kernel, inode: Inode): void {
  watchers.get(k)?.opened(inode);
}
