/** docs/policy-figures.md: what the policies of the atlas cost as machines grow. `npm run docs` writes it. */
import { expect, test } from "vitest";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import type { Kernel } from "../mm/kernel.ts";
import { type Rules, rules } from "../mm/rules.ts";
import { ANON, FILE, type PageKind, SHMEM, SWAP_CACHE } from "../mm/world/pages.ts";
import { compactionWorld } from "./compactionIsolatesPinned.ts";
import { tollWorld } from "./notifierToll.ts";

const PAGES = 24;
const ROUNDS = 3;
const SHARES = [0, 4, 8, 12, 16, 20];
const LARGE = { frames: 129, tables: 64, filePages: 64, swapPages: 128, tableShift: 5, windowShift: 6 };
const SIZES = { ...LARGE, watchPtes: false, ageMask: 0xffff };

/** Calls, and freed pages, of a process with `PAGES` pages of which `pinned` belong to a device. */
function toll(inForce: Rules, kind: PageKind, pinned: number): { calls: number; freed: number } {
  const found = { calls: -1, freed: -1 };
  const o = { inForce, kind, pages: PAGES, pinned, rounds: ROUNDS, user: false };
  const m = buildSequential((machine) => {
    tollWorld(machine, o, SIZES, ({ calls, freed }) => {
      found.calls = calls;
      found.freed = freed;
    });
  });
  expect(runSequentially(m)).toBe(null);
  return found;
}

/** Pages that compaction isolates and moves, of as many. */
function compacted(inForce: Rules, kind: PageKind, pinned: number): { isolated: number; moved: number } {
  const made: Kernel[] = [];
  const m = buildSequential((machine) => {
    made.push(compactionWorld(machine, { inForce, kind, pages: PAGES, pinned }, SIZES));
  });
  expect(runSequentially(m)).toBe(null);
  // compact_isolated counts the frames to move to as well.
  const { pgmigrate_success, pgmigrate_fail } = made[0].stat.global;
  return { isolated: pgmigrate_success + pgmigrate_fail, moved: pgmigrate_success };
}

const linux = rules("linux-6.1");
const early = rules("linux-6.1", { reclaimPinCheck: "all" });
const blind = rules("linux-6.1", { without: ["compactionSkipsPinned"] });
const KINDS = [
  ["private", ANON],
  ["private, in swap", SWAP_CACHE],
  ["shared", SHMEM],
  ["file", FILE],
] as const;

test("calls for nothing: none for fresh private memory, one for each pinned page and round for shared memory and files", () => {
  for (const pinned of SHARES) {
    const wasted = (r: Rules, kind: PageKind): number => {
      const { calls, freed } = toll(r, kind, pinned);
      expect(freed).toBe(PAGES - pinned);
      return calls - freed;
    };
    expect(wasted(linux, ANON)).toBe(0);
    expect(wasted(linux, SHMEM)).toBe(ROUNDS * pinned);
    expect(wasted(linux, FILE)).toBe(ROUNDS * pinned);
    expect(wasted(linux, SWAP_CACHE)).toBeGreaterThanOrEqual(ROUNDS * pinned);
    for (const [, kind] of KINDS) expect(wasted(early, kind)).toBe(0);
  }
});

test("isolated in vain: every pinned page without the check, none with it, and those of shared memory in any case", () => {
  for (const pinned of SHARES) {
    const inVain = (r: Rules, kind: PageKind): number => {
      const { isolated, moved } = compacted(r, kind, pinned);
      expect(moved).toBe(PAGES - pinned);
      return isolated - moved;
    };
    expect(inVain(blind, ANON)).toBe(pinned);
    expect(inVain(linux, ANON)).toBe(0);
    expect(inVain(linux, SHMEM)).toBe(pinned);
  }
});

function table(corner: string, rows: readonly (readonly [string, (pinned: number) => string])[]): string {
  const head = `| ${corner} | ${SHARES.map((n) => `${n} of ${PAGES} pinned`).join(" | ")} |\n|${" --- |".repeat(SHARES.length + 1)}`;
  return [head, ...rows.map(([name, cell]) => `| ${name} | ${SHARES.map(cell).join(" | ")} |`)].join("\n");
}

test("docs/policy-figures.md", async () => {
  const cell =
    (r: Rules, kind: PageKind) =>
    (pinned: number): string => {
      const { calls, freed } = toll(r, kind, pinned);
      return `${calls} / ${freed}`;
    };
  const isolation =
    (r: Rules, kind: PageKind) =>
    (pinned: number): string => {
      const { isolated, moved } = compacted(r, kind, pinned);
      return `${isolated} / ${moved}`;
    };
  const tolls = KINDS.flatMap(([name, kind]) => [
    [`${name}, 6.1`, cell(linux, kind)] as const,
    [`${name}, early check for every kind`, cell(early, kind)] as const,
  ]);
  const page = `<!-- written by npm run docs -->
# Figures of the policy cases

Measured on sequential machines of ${LARGE.frames} frames. The searches of the cases have two pages; here is how the figures grow.

## Calls of a driver for pages freed (case late-pin-check-fires-notifier)

A process with ${PAGES} pages, reclaim in ${ROUNDS} rounds, between which the pinned pages are used again. Starts that the driver was told of /
pages freed. What is more than the pages freed, was for nothing.

${table("memory, rules", tolls)}

## Pages isolated by compaction for pages moved (case compaction-isolates-pinned)

${table("memory, rules", [
  ["private, no check (before v3.15)", isolation(blind, ANON)],
  ["private, 6.1", isolation(linux, ANON)],
  ["shared, 6.1", isolation(linux, SHMEM)],
])}
`;
  await expect(page).toMatchFileSnapshot("../../docs/policy-figures.md");
});
