/**
 * Every place of Linux 6.1 that raises range events, by the numbers of the reference (its table of raising sites): which
 * file raises it here, with which event, over which range, under which locks. All of it is seen by running a small process
 * that comes by there.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { filesBelow, isForTests, root } from "../../scripts/project.mjs";
import * as programs from "./raisingSites.testkit.ts";
import type { Body } from "./user/process.ts";
import { type Heard, runProcess } from "./user/run.testkit.ts";

interface Row {
  readonly row: number;
  readonly what: string;
  readonly program: Body;
  /** Section by section: "event range" ‹ locks › file:function. */
  readonly raises: readonly string[];
}

const write = "mm1.mmapLock w";
const read = "mm1.mmapLock r";
const clear = "memoryZap.ts:zapPageRangeSingle";

const rows: readonly Row[] = [
  { row: 1, what: "munmap", program: programs.unmaps, raises: [`UNMAP A+1/2 ‹${read}› memoryZap.ts:unmapVmas`] },
  { row: 1, what: "MAP_FIXED", program: programs.mapsOver, raises: [`UNMAP A+1/2 ‹${write}› memoryZap.ts:unmapVmas`] },
  {
    row: 1,
    what: "brk shrinks",
    program: programs.shrinksTheHeap,
    raises: [`UNMAP @+524289/3 ‹${read}› memoryZap.ts:unmapVmas`],
  },
  {
    row: 1,
    what: "mremap shrinks",
    program: programs.shrinksByMremap,
    raises: [`UNMAP A+1/3 ‹${read}› memoryZap.ts:unmapVmas`],
  },
  { row: 2, what: "exit_mmap", program: programs.exits, raises: [`UNMAP ALL ‹${read}› memoryZap.ts:unmapVmas`] },
  { row: 4, what: "MADV_DONTNEED", program: programs.dontneed, raises: [`CLEAR A+1/2 ‹${read}› ${clear}`] },
  {
    row: 5,
    what: "truncate, twice",
    program: programs.truncates,
    raises: Array(2).fill(
      `CLEAR A+0/2 ‹inode1.rwsem w, inode1.invalidateLock w, inode1.immapRwsem r› ${clear}`,
    ) as string[],
  },
  {
    row: 5,
    what: "hole punch",
    program: programs.punches,
    raises: [`CLEAR A+0/1 ‹inode1.rwsem w, inode1.immapRwsem r› ${clear}`],
  },
  {
    row: 5,
    what: "MADV_REMOVE, which drops mmap_lock",
    program: programs.removes,
    raises: [`CLEAR A+1/2 ‹inode1.rwsem w, inode1.immapRwsem r› ${clear}`],
  },
  { row: 6, what: "MADV_FREE", program: programs.frees, raises: [`CLEAR A+1/2 ‹${read}› madvise.ts:madviseFree`] },
  {
    row: 7,
    what: "process_mrelease, private VMAs only",
    program: programs.releases,
    raises: ["2: UNMAP A+0/2 non-blockable ‹mm2.mmapLock r› oomReaper.ts:oomReapTaskMm"],
  },
  {
    row: 8,
    what: "fork, private VMAs only",
    program: programs.forks,
    raises: [`PROTECTION_PAGE A+0/2 ‹${write}, mm2.mmapLock w› fork.ts:copyPageRange`],
  },
  {
    row: 10,
    what: "copy on write",
    program: programs.writesAfterFork,
    raises: [
      `PROTECTION_PAGE A+0/1 ‹${write}, mm2.mmapLock w› fork.ts:copyPageRange`,
      `CLEAR A+0/1 ‹${read}› memoryCow.ts:wpPageCopy`,
    ],
  },
  {
    row: 10,
    what: "write to the zero page",
    program: programs.writesZeroPage,
    raises: [`CLEAR A+0/1 ‹${read}› memoryCow.ts:wpPageCopy`],
  },
  {
    row: 10,
    what: "unsharing for a pin",
    program: programs.pinsShared,
    raises: [
      `PROTECTION_PAGE A+0/1 ‹${write}, mm2.mmapLock w› fork.ts:copyPageRange`,
      `CLEAR A+0/1 ‹${read}› memoryCow.ts:wpPageCopy`,
    ],
  },
  {
    row: 12,
    what: "mprotect",
    program: programs.protects,
    raises: [`PROTECTION_VMA A+0/2 ‹${write}› mprotect.ts:changePmdRange`],
  },
  {
    row: 14,
    what: "mremap moves",
    program: programs.moves,
    raises: [`UNMAP A+0/2 ‹${write}› mremap.ts:movePageTables`, `UNMAP A+0/2 ‹${write}› memoryZap.ts:unmapVmas`],
  },
  {
    row: 16,
    what: "a VMA is split within a 2 MiB block",
    program: programs.splits,
    raises: [
      `CLEAR A+0/512 ‹${write}› hugeMemory.ts:splitHugePmdAddress`,
      `UNMAP A+100/1 ‹${read}› memoryZap.ts:unmapVmas`,
    ],
  },
  {
    row: 18,
    what: "reclaim, anonymous",
    program: programs.reclaims,
    raises: ["CLEAR A+0/1 ‹anonVma1.rwsem r, folio w› tryToUnmap.ts:tryToUnmapOne"],
  },
  {
    row: 18,
    what: "reclaim, file",
    program: programs.reclaimsFile,
    raises: ["CLEAR A+0/1 ‹inode1.immapRwsem r, folio w› tryToUnmap.ts:tryToUnmapOne"],
  },
  {
    row: 19,
    what: "migration",
    program: programs.migrates,
    raises: ["CLEAR A+0/1 ‹anonVma1.rwsem r, folio w› rmapMigrate.ts:tryToMigrateOne"],
  },
  ...([programs.syncs, programs.writesBack] as const).map((program) => ({
    row: 21,
    what: program === programs.syncs ? "msync" : "fsync",
    program,
    raises: ["PROTECTION_PAGE A+0/1 ‹inode1.immapRwsem r, folio w› pageWriteback.ts:mkcleanOne"],
  })),
  {
    row: 32,
    what: "clear_refs 4",
    program: programs.clearsSoftDirty,
    raises: [`SOFT_DIRTY ALL ‹${write}› taskMmu.ts:clearRefs`],
  },
];

/** Rows of the reference that have no place here, and why. 34 is tested below. */
const without: Readonly<Record<number, string>> = {
  3: "zap_page_range: the vDSO is the only caller",
  9: "hugetlb",
  11: "device-exclusive entries",
  13: "hugetlb",
  15: "hugetlb",
  17: "DAX",
  20: "device-exclusive entries",
  22: "vmwgfx",
  23: "KSM",
  24: "KSM",
  25: "khugepaged",
  26: "khugepaged: elsewhere",
  27: "hugetlb",
  28: "hugetlb",
  29: "hugetlb",
  30: "device memory",
  31: "device memory",
  33: "uprobes",
  34: "not through a section",
};

/** Sections that no call of a process opens: threads of the kernel, drivers with memory of their own, files of huge pages. */
const elsewhere = ["khugepaged.ts:collapseAndFreePmd", "hugetlb.ts:tryToMigrateHuge", "migrateDevice.ts:collect"];

const children = [programs.victim, programs.hangs, programs.waits];
const sectionOf = ({ line, file, site, locks }: Heard): string =>
  `${line.replace(/\b(start|interval) /, "")} ‹${locks.join(", ")}› ${file}:${site}`;

for (const { row, what, program, raises } of rows) {
  test(`${row}: ${what}`, () => {
    const heard = runProcess(program, children).filter((each) => each.file !== "" && !each.line.includes("end "));
    expect(heard.map(sectionOf)).toEqual(raises);
  });
}

test("34: the end of an mm: intervals hear RELEASE, classic subscribers their release, and no more", () => {
  const heard = runProcess(programs.exits, children);
  expect(heard.map((each) => each.line)).toEqual(["interval RELEASE ALL", "release", "interval UNMAP ALL"]);
});

test("all rows are here or have a reason not to be", () => {
  const numbers = new Set([...rows.map((each) => each.row), ...Object.keys(without).map(Number)]);
  expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 34 }, (_, i) => i + 1));
});

test("no function opens a section that is not in the table", () => {
  const known = new Set(rows.flatMap((each) => each.raises).map((each) => each.replace(/^.*› /, "")));
  const found = filesBelow("src/mm", (path) => path.endsWith(".ts") && !isForTests(path))
    .filter((path) => !/\/(slice|scenarios)\//.test(path) && !path.endsWith("/mmuNotifier.ts"))
    .flatMap((path) => {
      const parts = readFileSync(join(root, path), "utf8").split(/^(?:export )?function\* /m);
      const raising = parts.slice(1).filter((part) => part.includes("invalidateRangeStart(k, "));
      return raising.map((part) => `${path.replace(/^.*\//, "")}:${part.slice(0, part.indexOf("("))}`);
    });
  expect(found.sort()).toEqual([...known, ...elsewhere].sort());
});
