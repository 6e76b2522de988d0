import { expect, test } from "vitest";
import { W } from "../machine/core.ts";
import { Machine } from "../machine/machine.ts";
import { checkMaps } from "./checkMaps.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { GUP_PIN_COUNTING_BIAS, PG_anon, PG_anonExclusive, PG_buddy, PG_swapbacked } from "./page.ts";
import { mkPte, PTE_WRITE, pteSlot, SWP_SWAP } from "./pageTable.ts";
import { installTables } from "./pteAlloc.ts";

const AT = 9;
const EXCLUSIVE = PG_anon | PG_swapbacked | PG_anonExclusive;

/** Page AT of an mm is a private page in frame 1; `breaks` spoils something. What does the check say? */
function verdict(breaks: (k: Kernel, mm: Mm, other: Mm) => void, quiet = false, watchPtes = true): string | null {
  let said: string | null = null;
  Machine.build((m) => {
    const k = createKernel(m, { frames: 8, nodes: 1, tableShift: 1, windowShift: 3, tables: 12, mms: 2, watchPtes });
    const mm = createProcess(k).mm as Mm;
    const other = createProcess(k).mm as Mm;
    for (const each of [mm, other]) installTables(k, each, AT);
    use(k, 1, EXCLUSIVE);
    map(k, mm, mkPte(1, PTE_WRITE));
    mm.rssAnon = 1;
    expect(checkMaps(k, true)).toBeNull();
    breaks(k, mm, other);
    said = checkMaps(k, quiet);
  });
  return said;
}

function use(k: Kernel, pfn: number, flags: number): void {
  k.frames.refcount[pfn] = 1;
  k.frames.mapcount[pfn] = 1;
  k.frames.flags[pfn] = flags;
}

function map(k: Kernel, mm: Mm, pte: number, at = AT): void {
  k.tables.entry[pteSlot(k, mm, at)] = pte;
}

function hold(mm: Mm): void {
  W[mm.ptl.at] = 1;
}

test.each<[string, (k: Kernel, mm: Mm, other: Mm) => void]>([
  ["page 9 of mm1 leads to frame 1, which is free", (k) => void (k.frames.flags[1] |= PG_buddy)],
  ["page 9 of mm1 is writable, and its frame 1 is not exclusive", (k) => void (k.frames.flags[1] &= ~PG_anonExclusive)],
  ["frame 1 has 0 references and 1 mappings", (k) => void (k.frames.refcount[1] = 0)],
  ["mm1 counts 2+0+0+0 pages, and has 1+0+0+0", (_k, mm) => void mm.rssAnon++],
  ["mm1 counts 1+0+1+0 pages, and has 1+0+0+0", (_k, mm) => void mm.rssShmem++],
  ["mm1 counts 1+1+0+0 pages, and has 1+0+0+0", (_k, mm) => void mm.rssFile++],
  ["mm2 counts 0+0+0+0 pages, and has 0+0+0+1", (k, _mm, other) => map(k, other, (5 << 9) | SWP_SWAP)],
  [
    "frame 1 counts 2 mappings, and page tables have 1",
    (k) => {
      k.frames.refcount[1] = 2;
      k.frames.mapcount[1] = 2;
    },
  ],
  [
    "frame 1 is exclusive and mapped twice",
    (k, _mm, other) => {
      k.frames.refcount[1] = 2;
      k.frames.mapcount[1] = 2;
      map(k, other, mkPte(1, 0));
      other.rssAnon = 1;
    },
  ],
  [
    "frame 1 is pinned and not exclusive",
    (k, mm) => {
      map(k, mm, mkPte(1, 0));
      k.frames.flags[1] = PG_anon | PG_swapbacked;
      k.frames.refcount[1] += GUP_PIN_COUNTING_BIAS;
      if (k.pinsHeld) k.pinsHeld.count[1] = 1;
    },
  ],
])("%s", (why, breaks) => {
  expect(verdict(breaks)).toBe(why);
});

/** GUP-fast has grabbed a page and will find that it should not have. */
function tries(k: Kernel, mm: Mm): void {
  map(k, mm, mkPte(1, 0));
  k.frames.flags[1] = PG_anon | PG_swapbacked;
  k.frames.refcount[1] += GUP_PIN_COUNTING_BIAS;
}

test("a pin that is only being tried breaks no rule", () => {
  expect(verdict(tries)).toBeNull();
  // Without a record of who has pins it is told from the references, when nobody is at it.
  expect(verdict(tries, false, false)).toBeNull();
  expect(verdict(tries, true, false)).toBe("frame 1 is pinned and not exclusive");
});

test("under the page-table lock counts may be away by as much as one change has in its hands", () => {
  const clears = (held: boolean, rss: number) => (k: Kernel, mm: Mm) => {
    if (held) hold(mm);
    map(k, mm, 0);
    mm.rssAnon += rss;
  };
  expect(verdict(clears(true, 0))).toBeNull();
  expect(verdict(clears(true, 1))).toBeNull();
  expect(verdict(clears(true, 2))).toMatch("mm1 counts 3");
  expect(verdict(clears(false, -1))).toBe("frame 1 counts 1 mappings, and page tables have 0");
  const forgets = (k: Kernel, mm: Mm) => {
    hold(mm);
    k.frames.refcount[1] = 4;
    k.frames.mapcount[1] = 4;
  };
  expect(verdict(forgets)).toBe("frame 1 counts 4 mappings, and page tables have 1");
  const shares = (k: Kernel, _mm: Mm, other: Mm) => {
    hold(other);
    k.frames.flags[1] &= ~PG_anonExclusive;
  };
  expect(verdict(shares), "the lock of another mm is no excuse").toMatch("is writable");
});
