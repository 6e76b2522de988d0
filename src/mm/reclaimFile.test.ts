import { expect, test } from "vitest";
import { type Task, unchecked } from "../machine/core.ts";
import { checkKernel } from "./checks.ts";
import { DROP_PAGECACHE, dropCaches } from "./dropCaches.ts";
import { fileRead, fileWrite } from "./filemap.ts";
import { type File, type Inode, O_CREAT } from "./fs.ts";
import { closeFile, nameFile, openFile } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { joinMemcg, memoryReclaim } from "./memcontrol.ts";
import type { Process } from "./mmTypes.ts";
import { writeAndWait } from "./pageWriteback.ts";
import { lruAddDrain } from "./swap.ts";
import { runScript } from "./vmscan.testkit.ts";
import { levels } from "./vmstat.ts";

const PAGES = 200;
const seen: Record<string, number> = {};

function* makeFile(k: Kernel): Task<File> {
  const file = (yield* openFile(k, nameFile(k, "/disk/f"), O_CREAT)) as File;
  for (let i = 0; i < PAGES; i++) yield* fileWrite(k, file, i, i + 100);
  yield* writeAndWait(k, file.inode as Inode, 0, PAGES);
  yield* lruAddDrain(k);
  return file;
}

function* readAll(k: Kernel, file: File): Task<number> {
  let wrong = 0;
  for (let i = 0; i < PAGES; i++) if ((yield* fileRead(k, file, i)) !== i + 100) wrong++;
  return wrong;
}

function* reclaimsCleanPages(k: Kernel, p: Process): Task {
  joinMemcg(p, 1);
  const file = yield* makeFile(k);
  seen.cached = (file.inode as Inode).nrpages;
  seen.answer = yield* memoryReclaim(k, 1, 150);
  seen.left = (file.inode as Inode).nrpages;
  seen.shadows = (file.inode as Inode).nrshadows;
  seen.wrong = yield* readAll(k, file);
  seen.refaults = k.stat.memcg[1].workingset_refault_file;
  seen.shadowsLater = (file.inode as Inode).nrshadows;
  yield* dropCaches(k, DROP_PAGECACHE);
  seen.dropped = (file.inode as Inode).nrpages;
  seen.wrongAfterDrop = yield* readAll(k, file);
  seen.refaultsAfterDrop = k.stat.memcg[1].workingset_refault_file;
  yield* closeFile(k, file);
}

test("clean pages of files are reclaimed, leave shadows, and come back from the disk", () => {
  const k = runScript(reclaimsCleanPages, { frames: 1024, memcgs: [{}] });
  expect(seen.cached).toBe(PAGES);
  expect(seen.answer).toBe(0);
  expect(seen.left).toBeLessThanOrEqual(50);
  expect(seen.shadows).toBe(PAGES - seen.left);
  expect(seen.wrong).toBe(0);
  expect(seen.refaults).toBe(seen.shadows);
  expect(seen.shadowsLater).toBe(0);
  expect(seen.dropped).toBe(0);
  expect(seen.wrongAfterDrop).toBe(0);
  // What was dropped on purpose is no refault.
  expect(seen.refaultsAfterDrop).toBe(seen.refaults);
  expect(k.stat.memcg[1].pgsteal_direct).toBe(k.stat.global.pgsteal_file);
  expect(k.stat.global.pgsteal_direct).toBe(0);
  expect(checkKernel(k)).toBe(null);
});

function* dirtyPages(k: Kernel, p: Process): Task {
  joinMemcg(p, 1);
  const file = (yield* openFile(k, nameFile(k, "/disk/f"), O_CREAT)) as File;
  for (let i = 0; i < PAGES; i++) yield* fileWrite(k, file, i, i + 100);
  yield* lruAddDrain(k);
  seen.answer = yield* memoryReclaim(k, 1, 10);
  seen.left = (file.inode as Inode).nrpages;
  yield* dropCaches(k, DROP_PAGECACHE);
  seen.dropped = (file.inode as Inode).nrpages;
  seen.wrong = yield* readAll(k, file);
}

test("dirty pages of files are not written by reclaim: they are marked, and activated out of its way", () => {
  const k = runScript(dirtyPages, { frames: 1024, memcgs: [{}] });
  expect(seen.answer).toBe(-11);
  expect(seen.left).toBe(PAGES);
  expect(seen.dropped).toBe(PAGES);
  expect(seen.wrong).toBe(0);
  expect(k.stat.global.nr_vmscan_immediate_reclaim).toBeGreaterThanOrEqual(PAGES);
  expect(k.stat.global.nr_vmscan_write).toBe(0);
  expect(k.stat.rows[20]).toBe(k.stat.global.nr_vmscan_immediate_reclaim);
  unchecked(() => expect(levels(k).nr_active_file + levels(k).nr_inactive_file).toBe(PAGES));
});
