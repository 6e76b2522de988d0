import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { dirtyPollInterval, freerunCeiling } from "./balanceDirty.ts";
import { DROP_PAGECACHE, dropCaches } from "./dropCaches.ts";
import { fileWrite } from "./filemap.ts";
import { startFlusher } from "./flusher.ts";
import { cacheEntry, type File, type Inode, O_CREAT } from "./fs.ts";
import { nameFile, openFile } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { joinMemcg } from "./memcontrol.ts";
import { userRead } from "./memory.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_SHARED, type Mm, PROT_READ, type Process } from "./mmTypes.ts";
import { hasFlag, PG_dirty, PG_readahead } from "./page.ts";
import { pteAt, ptePresent } from "./pageTable.ts";
import { writeAndWait } from "./pageWriteback.ts";
import { BASE, runScript } from "./vmscan.testkit.ts";

const PAGES = 200;
const seen: { at: string; cached: number; mapped: number; marks: number[]; faults: number; miss: number }[] = [];

function* mapFile(k: Kernel, p: Process): Task<Inode> {
  const file = (yield* openFile(k, nameFile(k, "/disk/f"), O_CREAT)) as File;
  const inode = file.inode as Inode;
  for (let i = 0; i < PAGES; i++) yield* fileWrite(k, file, i, i + 100);
  yield* writeAndWait(k, inode, 0, PAGES);
  yield* dropCaches(k, DROP_PAGECACHE);
  yield* sysMmap(k, p, BASE, PAGES, PROT_READ, MAP_SHARED, file, 0);
  return inode;
}

function note(k: Kernel, p: Process, inode: Inode, at: string): void {
  const pages = Array.from({ length: PAGES }, (_, i) => i);
  seen.push({
    at,
    cached: inode.nrpages,
    mapped: pages.filter((i) => ptePresent(pteAt(k, p.mm as Mm, BASE + i))).length,
    marks: pages.filter((i) => cacheEntry(k, inode, i) >= 0 && hasFlag(k, cacheEntry(k, inode, i), PG_readahead)),
    faults: k.stat.global.pgfault,
    miss: inode.mmapMiss,
  });
}

function* readsForwards(k: Kernel, p: Process): Task {
  const inode = yield* mapFile(k, p);
  yield* userRead(k, p, BASE + 20);
  note(k, p, inode, "miss");
  yield* userRead(k, p, BASE + 28);
  note(k, p, inode, "mark");
  yield* userRead(k, p, BASE + 199);
  note(k, p, inode, "end");
}

test("a miss reads 32 pages around it and marks one; the mark reads the next 32", () => {
  runScript(readsForwards, { frames: 1024, readahead: true });
  expect(seen).toEqual([
    // Pages 4 … 35; those of the 16 around the fault that are not marked are mapped: 16 … 31 but for 28.
    { at: "miss", cached: 32, mapped: 15, marks: [28], faults: 2, miss: 0 },
    // The mark is no longer one, and pages 36 … 67 are read.
    { at: "mark", cached: 64, mapped: 16, marks: [36], faults: 4, miss: 0 },
    // Pages 183 … 199: the mark is 8 pages before the end, and 193 … 199 are mapped.
    { at: "end", cached: 81, mapped: 23, marks: [36, 192], faults: 6, miss: 0 },
  ]);
});

const charged: number[] = [];

function* writesInGroup(k: Kernel, p: Process): Task {
  joinMemcg(p, 1);
  const file = (yield* openFile(k, nameFile(k, "/disk/f"), O_CREAT)) as File;
  const inode = file.inode as Inode;
  let most = 0;
  for (let i = 0; i < PAGES; i++) {
    yield* fileWrite(k, file, i, i);
    let dirty = 0;
    for (let page = 0; page <= i; page++) if (hasFlag(k, cacheEntry(k, inode, page), PG_dirty)) dirty++;
    most = Math.max(most, dirty);
  }
  charged.push(most, k.memcgs.usage[1] - k.state.stockPages);
  yield* writeAndWait(k, inode, 0, PAGES);
  yield* dropCaches(k, DROP_PAGECACHE);
  charged.push(inode.nrpages, k.memcgs.usage[1] - k.state.stockPages);
}

test("a cgroup pays for buffers as well as for pages, and its writers wait for the flusher", () => {
  const options = { frames: 4096, memcgs: [{ max: 400 }], dirtyThrottling: true };
  runScript(writesInGroup, options, startFlusher);
  const [most, used, pages, left] = charged;
  // 400 pages could be dirty, so whoever looks and finds more than 60 dirty ones waits; one looks every few pages only.
  expect(most).toBeGreaterThan(40);
  expect(most).toBeLessThan(80);
  // Four blocks a page, 104 + 8 bytes each: 200 pages and 21.9 pages of buffers; the file itself is in the last page.
  expect(used).toBe(PAGES + 23);
  expect(pages).toBe(0);
  expect(left).toBe(1);
});

test("limits of dirty pages", () => {
  expect(freerunCeiling(1000)).toBe(150);
  expect(freerunCeiling(0)).toBe(0);
  expect(dirtyPollInterval(100, 228)).toBe(8);
  expect(dirtyPollInterval(100, 101)).toBe(1);
  expect(dirtyPollInterval(300, 200)).toBe(1);
});
