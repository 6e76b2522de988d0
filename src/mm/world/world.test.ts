import { describe, expect, test } from "vitest";
import type { Machine } from "../../machine/machine.ts";
import { explore } from "../explore.testkit.ts";
import { createPages } from "../gup.ts";
import type { Mm } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { claimCoherence, claimReferences } from "./claims.ts";
import { ANON, createHog, FILE, fillMemory, mapPages, type PageKind, pinPages, SHMEM, SWAP_CACHE } from "./pages.ts";
import { swapKernel } from "./reclaim.ts";
import { A, smallKernel } from "./small.ts";
import { allocates, allocatesNothing, copies, drops, leavesAll, looksAt, reads, unmapped } from "./world.testkit.ts";

const KINDS: readonly (readonly [string, PageKind])[] = [
  ["anonymous", ANON],
  ["swap cache", SWAP_CACHE],
  ["shared", SHMEM],
  ["file", FILE],
];

describe("pages of each kind", () => {
  test.each(KINDS)("%s: they are there, with their content, before the first step", (_name, kind) => {
    const r = explore((m) => {
      const k = swapKernel(m);
      const p = createProcess(k);
      m.boot(mapPages, [k, p, A, 2, kind, 1]);
      m.spawn("looks", looksAt, [k, p, A, kind]);
    });
    expect([r.verdict, r.message]).toEqual(["ok", ""]);
  });

  test.each(KINDS)("%s: who needs memory takes them, and their content is kept", (_name, kind) => {
    const r = explore((m) => {
      const k = swapKernel(m, { swapPages: 5 });
      const p = createProcess(k);
      m.boot(mapPages, [k, p, A, 2, kind]);
      const hog = createHog(k);
      m.boot(fillMemory, [k, hog]);
      m.spawn("allocates", allocates, [k, hog, p, A]);
      m.atEnd("both are gone", () => unmapped(k, p, A) && unmapped(k, p, A + 1));
    });
    expect([r.verdict, r.message]).toEqual(["ok", ""]);
  });
});

test("memory is filled up to what shall be left", () => {
  const r = explore((m) => {
    const k = smallKernel(m);
    const hog = createHog(k);
    m.boot(fillMemory, [k, hog, 2]);
    m.spawn("allocates", allocatesNothing, [k, 2]);
    m.atEnd("hog", () => hog.pfn.filter((pfn) => pfn > 0).length === 3);
  });
  expect([r.verdict, r.message]).toEqual(["leak", "frame 4 ends with 1 references, and 0 have an owner"]);
});

describe("references at the end", () => {
  const pinned = (m: Machine, claimed: boolean): void => {
    const k = smallKernel(m);
    const p = createProcess(k);
    const pages = createPages("pinned", 2);
    m.boot(mapPages, [k, p, A, 2, ANON]);
    m.boot(pinPages, [k, p, A, 2, pages]);
    if (claimed) claimReferences(k, { pinned: [pages] });
    m.spawn("reads", reads, [k, p, A]);
  };
  test("what a driver claims is its own, and nothing else", () => {
    expect(explore((m) => pinned(m, true)).verdict).toBe("ok");
    const lost = explore((m) => pinned(m, false));
    expect([lost.verdict, lost.message]).toEqual(["leak", "frame 1 ends with 1025 references, and 1 have an owner"]);
  });

  test("when the last process is gone everything must be free", () => {
    const r = explore((m) => {
      const k = smallKernel(m);
      const p = createProcess(k);
      m.boot(mapPages, [k, p, A, 2, ANON]);
      m.spawn("exits", leavesAll, [k, p]);
    });
    expect([r.verdict, r.message]).toEqual(["ok", ""]);
  });
});

test("a device that keeps what the process has lost is not coherent", () => {
  const r = explore((m) => {
    const k = smallKernel(m);
    const p = createProcess(k);
    const table = createPages("device", 1);
    m.boot(mapPages, [k, p, A, 1, ANON]);
    m.boot(copies, [k, p, table]);
    claimCoherence(m, k, p.mm as Mm, A, "device", () => table.pfn);
    m.spawn("drops", drops, [k, p, A]);
  });
  expect([r.verdict, r.message]).toEqual([
    "stale-mapping",
    "device maps frame 1 at page 8, where the process has nothing",
  ]);
});
