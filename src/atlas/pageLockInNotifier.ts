import {
  createPagesObject,
  type DirtyPolicy,
  getPages,
  type PagesObject,
  pagesOps,
  putPages,
} from "../drivers/userptrPages.ts";
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { type File, type Inode, O_CREAT } from "../mm/fs.ts";
import { closeFile, nameFile, openFile, unlinkFile } from "../mm/inode.ts";
import type { Kernel } from "../mm/kernel.ts";
import { MADV_COLD, sysMadvise } from "../mm/madvise.ts";
import { userRead, userWrite } from "../mm/memory.ts";
import { sysMmap, sysMunmap } from "../mm/mmap.ts";
import { MAP_FIXED, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { createNotifier, type MmuNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "../mm/mmuNotifier.ts";
import { fsyncFile } from "../mm/msync.ts";
import { rules } from "../mm/rules.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { performReclaim } from "../mm/vmscan.ts";
import { leave, swapKernel } from "../mm/world/reclaim.ts";
import { A } from "../mm/world/small.ts";

/** A page of a file in an object; it is written back; the GPU writes 3; the page is reclaimed, or unmapped, and the file goes. */
function* main(
  k: Kernel,
  p: Process,
  sub: MmuNotifier<PagesObject>,
  exported: boolean,
  goes: boolean,
  path: number,
): Task {
  const object = sub.driver;
  const mm = p.mm as Mm;
  const file = (yield* openFile(k, path, O_CREAT)) as File;
  (file.inode as Inode).size = 4096;
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, file, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  yield* mmuNotifierRegister(k, sub, mm);
  yield* getPages(k, object, mm, A);
  if (exported) object.pagesPinCount++;
  yield* fsyncFile(k, file);
  // Whoever has no pages any more gets them again for the next job.
  if (!exported) yield* getPages(k, object, mm, A);
  k.frames.content[object.pages.pfn[0]] = 3;
  if (goes) yield* sysMunmap(k, p, A, 1);
  else yield* sysMadvise(k, p, A, 1, MADV_COLD);
  if (exported) object.pagesPinCount--;
  if (goes) {
    const other = spawn(removes, k, file, path);
    yield* choose(1); // anybody may begin
    yield* putPages(k, object);
    yield* join(other);
  } else {
    yield* performReclaim(k, GFP_KERNEL, 0);
    const seen = yield* userRead(k, p, A);
    must(seen === 3, "lost-write", `the device wrote 3, and the process reads ${seen}`);
    yield* putPages(k, object);
    yield* removes(k, file, path);
  }
  yield* mmuNotifierUnregister(k, sub);
  yield* leave(k, p);
}

function* removes(k: Kernel, file: File, path: number): Task {
  yield* closeFile(k, file);
  yield* unlinkFile(k, path);
}

function row(
  policy: DirtyPolicy,
  what: "" | "exported" | "goes",
  expect: "ok" | "deadlock" | "lost-write" | "use-after-free",
  about: string,
) {
  return { policy, exported: what !== "", goes: what === "goes", expect, about };
}

export default defineCase({
  id: "page-lock-in-notifier",
  title: "pages are marked dirty where the caller may hold the lock that this takes",
  class: "deadlock",
  text: `A driver that gives pages back marks those dirty that its device may have written, which takes the folio lock. Reclaim and
migration call the driver with that very lock held. i915 had all three: no lock, the lock, trylock.

- Without the lock the file may go meanwhile: use after free of the inode. (The catalogue says file-system corruption.)
- With the lock: self-deadlock, one thread.
- With trylock the mark is lost when somebody has the lock. The catalogue predicts lost writes, and the comment in the driver
  admits them; but not every object loses any. Pages are made clean under the driver's eyes, since write-protecting for
  writeback is announced. A driver that lets the pages go each time gets them again with a write fault, and then the
  page-table entry is dirty, whatever the driver does. Only pages that stay while they are cleaned lose a write: those of an
  object that is pinned by somebody else (\`exported\`).
- Marking them when they are mapped, not when they go, is the fix of principle, and it is one under the same condition: for
  pages that stay while they are cleaned it loses the write as well.`,
  sources: [
    { ref: "cb6d7c7dc7ff", what: "drm/i915/userptr: Acquire the page lock around set_page_dirty(), v5.3" },
    { ref: "505a8ec7e11a", what: "its revert, v5.3: deadlocks" },
    { ref: "0d4bbe3d407f", what: "drm/i915/userptr: Try to acquire the page lock around set_page_dirty(), v5.5" },
  ],
  variants: {
    nolock: row("nolock", "goes", "use-after-free", "no lock, against the end of the file"),
    lock: row("lock", "exported", "deadlock", "the lock, in reclaim"),
    "lock-unpinned": row("lock", "", "deadlock", "the same, in writeback already"),
    trylock: row("trylock", "", "ok", "trylock, pages go at each notification"),
    "trylock-goes": row("trylock", "goes", "ok", "trylock, against the end of the file"),
    "trylock-exported": row("trylock", "exported", "lost-write", "trylock, pages stayed while they were cleaned"),
    dirtyAtMap: row("dirtyAtMap", "", "ok", "marked when mapped, pages go at each notification"),
    "dirtyAtMap-exported": row("dirtyAtMap", "exported", "lost-write", "marked when mapped, pages stayed"),
  },
  setup(m, v) {
    const k = swapKernel(m, { rules: rules("linux-5.7") });
    const sub = createNotifier(m, "userptr", pagesOps, createPagesObject(v.policy));
    const path = nameFile(k, "/mnt/f");
    m.spawn("main", main, [k, createProcess(k), sub, v.exported, v.goes, path], { children: 1 });
  },
});
