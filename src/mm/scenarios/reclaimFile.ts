/**
 * Reclaim of a clean page of a file against those who make it dirty: a device that got at it while it was mapped, and the
 * process itself. Clean pages are thrown away without writing them, so the last look at the dirty bit comes when nobody
 * else can have the page any more.
 *
 *   reclaim:  unmapped ─▶ dirty? ─▶ xa_lock ─▶ references frozen? ─▶ dirty after all? back ─▶ out of the page cache
 *   device:   writes ─▶ dirty ─▶ gives the page back
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { fileRead } from "../filemap.ts";
import { type File, type Inode, O_CREAT } from "../fs.ts";
import { createPages, FOLL_GET, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import { closeFile, nameFile, openFile, unlinkFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { MADV_COLD, sysMadvise } from "../madvise.ts";
import { userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_FIXED, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { fsyncFile } from "../msync.ts";
import { PG_dirty, setFlag } from "../page.ts";
import { type Guard, type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { leave, reclaims, swapKernel } from "../world/reclaim.ts";
import { A } from "../world/small.ts";

function* main(k: Kernel, p: Process, pages: Pages, path: number, flags: number): Task {
  const file = (yield* openFile(k, path, O_CREAT)) as File;
  (file.inode as Inode).size = 4096;
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, file, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  if (flags !== 0) yield* getUserPagesFast(k, p.mm as Mm, A, 1, flags, pages);
  yield* fsyncFile(k, file);
  yield* sysMadvise(k, p, A, 1, MADV_COLD);
  const a = spawn(reclaims, k);
  const b = flags === 0 ? spawn(writer, k, p) : spawn(device, k, pages, flags);
  yield* join(a);
  yield* join(b);
  const seen = yield* fileRead(k, file, 0);
  must(seen === 3, "lost-write", `3 was written to the page, and the file has ${seen}`);
  yield* closeFile(k, file);
  yield* unlinkFile(k, path);
  yield* leave(k, p);
}

function* writer(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  yield* userWrite(k, p, A, 3);
}

function* device(k: Kernel, pages: Pages, flags: number): Task {
  yield* choose(1);
  k.frames.content[pages.pfn[0]] = 3;
  const pinned = (flags & FOLL_PIN) !== 0;
  // Drivers of old say so without the folio lock; and buffers that are gone do not come back by that (block_dirty_folio).
  if (!pinned) setFlag(k, pages.pfn[0], PG_dirty);
  yield* unpinUserPages(k, pages, 1, flags, pinned);
}

const all = rules("linux-6.1");
const without = (guard: Guard): Rules => rules("linux-6.1", { without: [guard] });
const GET = FOLL_GET | FOLL_WRITE;
const PIN = FOLL_PIN | FOLL_WRITE;

export const reclaimFile = defineCase<{ inForce: Rules; flags: number }>({
  id: "mm-reclaim-file",
  title: "reclaim of a clean page against writes",
  variants: {
    "linux-6.1-write": { inForce: all, flags: 0, expect: "ok" },
    "linux-6.1-get": { inForce: all, flags: GET, expect: "ok" },
    "linux-6.1-pin": { inForce: all, flags: PIN, expect: "ok" },
    "linux-5.7-pin": { inForce: rules("linux-5.7"), flags: PIN, expect: "ok" },
    "get-without-dirty-check": { inForce: without("removeDirtyCheck"), flags: GET, expect: "lost-write" },
    "get-without-reference-check": { inForce: without("removeRefCheck"), flags: GET, expect: "use-after-free" },
  },
  setup(m, v) {
    const k = swapKernel(m, { rules: v.inForce });
    const path = nameFile(k, "/mnt/f");
    m.spawn("main", main, [k, createProcess(k), createPages("pinned", 1), path, v.flags], { children: 2 });
  },
});
