/**
 * Migration against a pin without locks: one thread moves a page to another node, another one pins it and lets a device
 * write to it. What the device wrote is in the page of the process afterwards, wherever that is.
 *
 *   GUP-fast:  entry ─▶ reference, unless it is 0 ─▶ entry the same? else give it back
 *   migration: entry cleared ─▶ may it be pinned? ─▶ migration entry ─▶ exactly our references? frozen, copied : put back
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { EXT4, type File, O_CREAT } from "../fs.ts";
import { createPages, FOLL_GET, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import { closeFile, nameFile, openFile, unlinkFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { userRead, userWrite } from "../memory.ts";
import { MPOL_MF_MOVE, sysMovePages } from "../mempolicy.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

const ANON = 0;
const RIGHTS = PROT_READ | PROT_WRITE;

function* main(k: Kernel, p: Process, pages: Pages, kind: number, flags: number, path: number): Task {
  let file: File | null = null;
  if (kind === EXT4) file = (yield* openFile(k, path, O_CREAT)) as File;
  if (file?.inode) file.inode.size = 4096;
  yield* sysMmap(k, p, A, 1, RIGHTS, MAP_FIXED | (file ? MAP_SHARED : MAP_ANONYMOUS), file, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  const a = spawn(pinner, k, p, pages, flags | FOLL_WRITE);
  const b = spawn(mover, k, p);
  yield* join(a);
  yield* join(b);
  const seen = yield* userRead(k, p, A);
  must(seen === 2, "lost-write", `the device wrote 2 to the page that it had pinned, and the process reads ${seen}`);
  if (file) yield* closeFile(k, file);
  if (file) yield* unlinkFile(k, path);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* pinner(k: Kernel, p: Process, pages: Pages, flags: number): Task {
  yield* choose(1); // anybody may begin
  const got = yield* getUserPagesFast(k, p.mm as Mm, A, 1, flags, pages);
  must(got === 1, "assertion", `the page could not be pinned: ${got}`);
  k.frames.content[pages.pfn[0]] = 2;
  yield* unpinUserPages(k, pages, 1, flags, true);
}

function* mover(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMovePages(k, p, A, 1, 1, MPOL_MF_MOVE);
}

const inForce = rules("linux-6.1");
const noRecheck = rules("linux-6.1", { without: ["gupFastRecheck"] });
const noFreeze = rules("linux-6.1", { without: ["migrateRefFreeze"] });

export const migratePin = defineCase<{ inForce: Rules; kind: number; flags: number }>({
  id: "mm-migrate-pin",
  title: "migration against a pin without locks",
  variants: {
    "linux-6.1-pin": { inForce, kind: ANON, flags: FOLL_PIN, expect: "ok" },
    "linux-6.1-get": { inForce, kind: ANON, flags: FOLL_GET, expect: "ok" },
    "linux-6.1-file": { inForce, kind: EXT4, flags: FOLL_PIN, expect: "ok" },
    "pin-without-recheck": { inForce: noRecheck, kind: ANON, flags: FOLL_PIN, expect: "assertion" },
    "file-without-recheck": { inForce: noRecheck, kind: EXT4, flags: FOLL_PIN, expect: "lost-write" },
    "get-without-reference-check": { inForce: noFreeze, kind: ANON, flags: FOLL_GET, expect: "lost-write" },
    "file-without-freeze": { inForce: noFreeze, kind: EXT4, flags: FOLL_PIN, expect: "lost-write" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, nodes: 2, frames: 8 });
    const path = nameFile(k, "/mnt/f");
    m.spawn("main", main, [k, createProcess(k), createPages("pinned", 1), v.kind, v.flags, path], { children: 2 });
  },
});
