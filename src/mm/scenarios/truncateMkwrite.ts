/**
 * Truncation against page_mkwrite: a shared page of a disk file is written while the file is cut. The fault asks the file
 * system without the folio lock, so the page may have left the cache when it comes back.
 *
 *   fault:    page locked ─▶ unlock ─▶ page_mkwrite: lock, still in the cache? dirty : again ─▶ map ─▶ unlock
 *   truncate: size ─▶ unmap ─▶ folio lock: out of the cache ─▶ unmap
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { fileWrite } from "../filemap.ts";
import { type File, type Inode, O_CREAT } from "../fs.ts";
import { closeFile, nameFile, openFile, unlinkFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_FIXED, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { pteAt } from "../pageTable.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { truncateSetsize } from "../truncate.ts";
import { A, smallKernel } from "../world/small.ts";

function* main(k: Kernel, p: Process, path: number, mapped: boolean): Task {
  const file = (yield* openFile(k, path, O_CREAT)) as File;
  yield* fileWrite(k, file, 0, 1);
  yield* lruAddDrain(k);
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, file, 0);
  if (mapped) yield* userRead(k, p, A);
  const a = spawn(writer, k, p);
  const b = spawn(truncater, k, file.inode as Inode);
  yield* join(a);
  yield* join(b);
  const pte = pteAt(k, p.mm as Mm, A);
  must(pte === 0, "assertion", `the file is empty, and entry ${pte} maps a page that it had`);
  yield* closeFile(k, file);
  yield* unlinkFile(k, path);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* writer(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  yield* userWrite(k, p, A, 2);
}

function* truncater(k: Kernel, inode: Inode): Task {
  yield* choose(1);
  yield* truncateSetsize(k, inode, 0);
}

export const truncateMkwrite = defineCase<{ inForce: Rules; mapped: boolean }>({
  id: "mm-truncate-mkwrite",
  title: "truncation against the first write to a page of a shared file mapping",
  variants: {
    "linux-6.1-unmapped": { inForce: rules("linux-6.1"), mapped: false, expect: "ok" },
    "linux-6.1-read-only": { inForce: rules("linux-6.1"), mapped: true, expect: "ok" },
    "without-recheck": {
      inForce: rules("linux-6.1", { without: ["mkwriteRecheck"] }),
      mapped: false,
      expect: "assertion",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce });
    m.spawn("main", main, [k, createProcess(k), nameFile(k, "/mnt/f"), v.mapped], { children: 2 });
  },
});
