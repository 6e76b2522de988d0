/**
 * Writeback against writes through a shared mapping: what was written last must be on disk when somebody has synced
 * afterwards, although the page is clean in between.
 *
 *   writeback: folio lock ─▶ all mappings read-only, dirty bits collected ─▶ PG_dirty off ─▶ content to disk
 *   write:     read-only entry ─fault─▶ page_mkwrite: folio lock, PG_dirty on ─▶ entry writable
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { lockFolio, unlockFolio } from "../../machine/folioLock.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { fileWrite, findGetPage } from "../filemap.ts";
import { cacheSlot, type File, type Inode, O_CREAT } from "../fs.ts";
import { closeFile, nameFile, openFile, unlinkFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_FIXED, MAP_SHARED, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { fsyncFile } from "../msync.ts";
import { clearFlag, folioLockWord, PG_dirty } from "../page.ts";
import { folioClearDirtyForIo } from "../pageWriteback.ts";
import { type Rules, rules } from "../rules.ts";
import { folioPut, lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

function* main(k: Kernel, p: Process, path: number, late: boolean): Task {
  const file = (yield* openFile(k, path, O_CREAT)) as File;
  const inode = file.inode as Inode;
  yield* fileWrite(k, file, 0, 1);
  yield* lruAddDrain(k);
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, file, 0);
  const a = spawn(writer, k, p);
  const b = spawn(syncer, k, file, late);
  yield* join(a);
  yield* join(b);
  yield* fsyncFile(k, file);
  const stored = k.cache.disk[cacheSlot(k, inode, 0)];
  must(stored === 3, "lost-write", `the process wrote 3 and synced, and the disk has ${stored}`);
  yield* closeFile(k, file);
  yield* unlinkFile(k, path);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* writer(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  yield* userWrite(k, p, A, 2);
  yield* choose(1); // the page may be cleaned between two writes
  yield* userWrite(k, p, A, 3);
}

function* syncer(k: Kernel, file: File, late: boolean): Task {
  yield* choose(1);
  if (late) yield* cleanTooLate(k, file.inode as Inode);
  else yield* fsyncFile(k, file);
}

/** Writes the content first and calls the page clean afterwards, whatever happened in between. */
function* cleanTooLate(k: Kernel, inode: Inode): Task {
  const pfn = yield* findGetPage(k, inode, 0);
  yield* lockFolio(folioLockWord(k, pfn));
  yield* folioClearDirtyForIo(k, inode, pfn);
  k.cache.disk[cacheSlot(k, inode, 0)] = k.frames.content[pfn];
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* choose(1); // the disk works
  clearFlag(k, pfn, PG_dirty);
  yield* folioPut(k, pfn);
}

export const mkcleanWriteback = defineCase<{ inForce: Rules; late: boolean }>({
  id: "mm-mkclean-writeback",
  title: "writeback against writes through a shared mapping",
  variants: {
    "linux-6.1": { inForce: rules("linux-6.1"), late: false, expect: "ok" },
    "without-mkclean": {
      inForce: rules("linux-6.1", { without: ["mkclean"] }),
      late: false,
      expect: "lost-write",
    },
    "clean-after-the-write": { inForce: rules("linux-6.1"), late: true, expect: "lost-write" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce });
    m.spawn("main", main, [k, createProcess(k), nameFile(k, "/mnt/f"), v.late], { children: 2 });
  },
});
