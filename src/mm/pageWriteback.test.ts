/** Writeback: a page is clean and write-protected before it is written, and dirty again with the next write. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { type File, type Inode, O_CREAT } from "./fs.ts";
import { nameFile } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { inKernel, type KernelBody } from "./kernelRun.testkit.ts";
import { userWrite } from "./memory.ts";
import { MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { hasFlag, PG_dirty } from "./page.ts";
import { PTE_DIRTY, pteAt, ptePfn, pteWrite } from "./pageTable.ts";
import { writeAndWait } from "./pageWriteback.ts";
import { syscalls } from "./syscalls.ts";

const AT = 1 << 20;
const found: (number | boolean)[] = [];
const run = (body: KernelBody): (number | boolean)[] => {
  found.length = 0;
  inKernel(body);
  return [...found];
};
const look = (k: Kernel, p: Process, inode: Inode): void => {
  const pte = pteAt(k, p.mm as Mm, AT);
  const dirty = hasFlag(k, ptePfn(pte), PG_dirty);
  found.push(dirty, pteWrite(pte), (pte & PTE_DIRTY) !== 0, k.cache.disk[inode.slot * k.filePages]);
};

function* writes(k: Kernel, p: Process, name: string): Task {
  const file = (yield* syscalls.open(k, p, nameFile(k, name), O_CREAT)) as File;
  const inode = file.inode as Inode;
  yield* syscalls.fileWrite(k, p, file, 0, 5);
  yield* syscalls.fsync(k, p, file);
  yield* syscalls.mmap(k, p, AT, 1, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  yield* userWrite(k, p, AT, 6);
  look(k, p, inode);
  yield* writeAndWait(k, inode, 0, 1);
  look(k, p, inode);
  yield* userWrite(k, p, AT, 7);
  look(k, p, inode);
  yield* syscalls.munmap(k, p, AT, 1);
  yield* syscalls.close(k, p, file);
}
function* onDisk(k: Kernel, p: Process): Task {
  yield* writes(k, p, "/mnt/f");
}
function* onTmpfs(k: Kernel, p: Process): Task {
  yield* writes(k, p, "/tmp/f");
}

test("ext4: write-protected and clean when it is written; the next write faults", () => {
  expect(run(onDisk)).toEqual([true, true, true, 5, false, false, false, 6, true, true, true, 6]);
});

test("tmpfs has nothing to write back", () => {
  expect(run(onTmpfs)).toEqual([true, true, true, 0, true, true, true, 0, true, true, true, 0]);
});
