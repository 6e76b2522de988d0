/** Columns of the kernel that belong to no other module: page tables, and the page cache of all inodes. */
import { column, columns } from "../machine/columns.ts";

export const createTables = (count: number, shift: number) =>
  columns("pageTable", (count + 1) << shift, {
    entry: column({ ordered: "locks of the mm that has the table: tableGuards.ts" }),
  });
export const createTableSlab = (count: number) =>
  columns("pageTableSlab", count + 1, {
    free: column({ ordered: "slab", initial: 1 }),
    next: column({ ordered: "the one who took the table out of its mm" }),
  });
/** At inode slot * filePages + index: the cached frame + 1, and what the disk has there. */
export const createCache = (n: number) =>
  columns("pageCache", n, {
    page: column({ ordered: "i_pages lock" }),
    disk: column({ ordered: "written by writeback, read by reads, both under the folio lock" }),
  });

/** Pages that one move_pages may name. */
export const MAX_MOVED = 64;
export const createMoved = (n: number) =>
  columns("moved", n, { status: column({ ordered: "memory of the calling process" }) });
