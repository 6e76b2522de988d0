/**
 * What subscribers are told, call by call: the table of expected sequences of the reference, row by row, as far as it is
 * about small pages. A section is written as in that table:
 *
 *   "CLEAR A+0/1 (IR CP)"   start … end with invalidate_range and change_pte in between    "IR A+0/1"   after the end
 *
 * The record of a section's end replays invalidate_range, so one IR within it is what every full end has.
 */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import * as kit from "./sequences.testkit.ts";
import { runProcess } from "./user/run.testkit.ts";

type Calls = Readonly<Record<string, readonly string[]>>;
const times = (n: number, line: string): string[] => Array.from({ length: n }, () => line);

const rows: readonly (readonly [what: string, program: () => Task, calls: Calls])[] = [
  ["mapping and first writes tell nothing", kit.maps, { mmap: [], "first writes": [] }],
  ["zero page", kit.zeroPage, { read: [], write: ["CLEAR A+0/1 (IR CP)"] }],
  ["munmap of whole VMAs is one section", kit.unmapsTwo, { "munmap of two VMAs": ["UNMAP A+0/4 (IR)", "IR A+0/4"] }],
  [
    "munmap in the middle splits the block",
    kit.unmapsMiddle,
    { munmap: ["CLEAR A+0/512 ()", "UNMAP A+100/1 (IR)", "IR A+100/1"] },
  ],
  [
    "MADV_DONTNEED is one section for each VMA",
    kit.dontneedTwo,
    {
      "MADV_DONTNEED over two VMAs": ["CLEAR A+1/1 (IR)", "IR A+1/1", "CLEAR A+2/1 (IR)", "IR A+2/1"],
    },
  ],
  ["MADV_FREE; a write in between", kit.frees, { MADV_FREE: ["CLEAR A+0/2 (IR)", "IR A+0/2"], write: [] }],
  [
    "mprotect, whatever the direction",
    kit.protects,
    {
      "to read-only": ["PROTECTION_VMA A+0/8 (IR)", "IR A+2/1"],
      "the same": [],
      back: ["PROTECTION_VMA A+0/8 (IR)", "IR A+2/1"],
      untouched: [],
    },
  ],
  [
    "mremap tells of the old range twice, and once with MREMAP_DONTUNMAP",
    kit.moves,
    {
      // The page table goes too, and the gather is told of its first page.
      mremap: ["UNMAP A+0/2 (IR)", "UNMAP A+0/2 (IR)", "IR A+0/1"],
      MREMAP_DONTUNMAP: ["UNMAP B+0/2 (IR)"],
    },
  ],
  [
    "what shrinks",
    kit.shrinks,
    {
      mremap: ["UNMAP A+3/1 (IR)", "IR A+3/1"],
      brk: ["UNMAP @+524289/1 (IR)", "IR @+524289/1"],
    },
  ],
  [
    "fork, and writes after it",
    kit.forks,
    {
      fork: ["PROTECTION_PAGE A+0/2 (IR)"],
      write: ["CLEAR A+0/1 (IR CP)"],
      "write of the last one": [],
    },
  ],
  ["what is in the batch of the own CPU is reused too", kit.forksUndrained, { "write of the last one": [] }],
  ["fork of a pinned page", kit.forksPinned, { fork: ["PROTECTION_PAGE A+0/1 (IR)"], write: [] }],
  [
    "pin for reading",
    kit.pinsReadOnly,
    { "pin of what the child has too": ["CLEAR A+0/1 (IR CP)"], "pin of what only we have": [] },
  ],
  [
    "reclaim of a page of one process",
    kit.reclaims,
    { "memory.reclaim": ["young A+0/1", "CLEAR A+0/1 (IR IR)"], "swap-in": [] },
  ],
  [
    "reclaim of a page of two",
    kit.reclaimsShared,
    { "memory.reclaim": ["young A+0/1", "2: young A+0/1", "CLEAR A+0/1 (IR IR)", "2: CLEAR A+0/1 (IR IR)"] },
  ],
  ["reclaim of a pinned page", kit.reclaimsPinned, { "memory.reclaim": ["young A+0/1"] }],
  [
    "reclaim of a clean file page of two VMAs",
    kit.reclaimsFile,
    { "memory.reclaim": ["young A+0/1", "young B+0/1", "CLEAR A+0/1 (IR)", "CLEAR B+0/1 (IR)"] },
  ],
  [
    "writeback of a shared file page",
    kit.syncs,
    { msync: ["PROTECTION_PAGE A+0/1 (IR)", "PROTECTION_PAGE B+0/1 (IR)"], write: [] },
  ],
  [
    "truncation, by VMA",
    kit.truncates,
    {
      "hole punch": ["CLEAR A+1/2 (IR)", "IR A+1/2", "CLEAR B+0/1 (IR)"],
      MADV_REMOVE: ["CLEAR A+3/1 (IR)", "IR A+3/1", "CLEAR B+1/1 (IR)"],
      ftruncate: times(2, "CLEAR A+3/1 (IR) CLEAR B+1/1 (IR)").flatMap((line) => line.split(/(?<=\)) /)),
    },
  ],
  [
    "migration",
    kit.migrates,
    {
      move_pages: ["CLEAR A+0/1 (IR)"],
      "move_pages of a pinned page": times(10, "CLEAR A+1/1 (IR)"),
    },
  ],
  [
    "MADV_PAGEOUT",
    kit.pagesOut,
    { MADV_PAGEOUT: ["young A+0/1", "CLEAR A+0/1 (IR IR)", "young A+1/1", "CLEAR A+1/1 (IR IR)", "IR A+0/2"] },
  ],
  ["clear_refs", kit.clearsRefs, { "clear_refs 1": [], "clear_refs 4": ["SOFT_DIRTY ALL (IR)"] }],
  ["exit", kit.exits, { exit: ["interval RELEASE ALL", "release", "interval UNMAP ALL"] }],
];

/** What was heard during each call. */
function callsOf(program: () => Task): Calls {
  const calls: Record<string, string[]> = {};
  let now: string[] = [];
  for (const { line } of runProcess(program, [kit.waits, kit.alsoHears, kit.endsAtOnce])) {
    const label = /^> (.*)/.exec(line)?.[1];
    if (label === undefined) now.push(line);
    else now = calls[label] = [];
  }
  return Object.fromEntries(
    Object.entries(calls)
      .filter(([label]) => label !== "over")
      .map(([label, lines]) => [label, shorten(lines.filter((line) => line !== "release" || label === "exit"))]),
  );
}

/** Sections as one line each; young callbacks, of which every scan makes one, once. */
function shorten(lines: readonly string[]): string[] {
  const out: string[] = [];
  let open = "";
  let within: string[] = [];
  for (const line of lines) {
    const [, who = "", kind = "", rest = ""] = /^(\d: )?(\w+) ?(.*)/.exec(line) ?? [];
    const range = rest.replace(/^[A-Z_]+ /, "");
    const inside = open !== "" && open.endsWith(` ${range}`);
    if (kind === "start") [open, within] = [`${who}${rest}`, []];
    else if (kind === "range" && inside) within.push("IR");
    else if (kind === "change_pte" && inside) within.push("CP");
    else if (kind === "range") out.push(`${who}IR ${range}`);
    else if (kind === "end") {
      out.push(open === `${who}${rest}` ? `${open} (${within.join(" ")})` : `${line} without its start`);
      open = "";
    } else {
      const shown = line.replace("clear_flush_young", "young");
      if (kind !== "clear_flush_young" || !out.includes(shown)) out.push(shown);
    }
  }
  return out;
}

for (const [what, program, calls] of rows) {
  test(what, () => {
    expect(callsOf(program)).toEqual(calls);
  });
}
