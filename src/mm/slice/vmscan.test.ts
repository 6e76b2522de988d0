import { expect, test } from "vitest";
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { GFP_KERNEL } from "../../machine/gfp.ts";
import { explore } from "../explore.testkit.ts";
import { type PresetName, type Rules, rules } from "../rules.ts";
import { pinAtSetUp } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { claimReferences } from "./leak.ts";
import { ANON, FILE, type MappingKind, SHMEM } from "./mapping.ts";
import { userAccess } from "./memory.ts";
import type { Mm } from "./mm.ts";
import { allocPage } from "./pageAlloc.ts";
import { PTE_NONE, PTE_PRESENT, PTE_SWAP } from "./pageTable.ts";
import { countingNotifier, smallWorld } from "./world.testkit.ts";

function* allocates(k: Kernel): Task {
  yield* allocPage(k, GFP_KERNEL);
}

function* touches(k: Kernel, mm: Mm, vpn: number): Task {
  const error = yield* userAccess(k, mm, vpn, true);
  must(error === 0, "assertion", "the access failed");
}

test("a page that nobody uses goes: announced, unmapped, out of its cache, on the free list", () => {
  for (const [kind, state] of [
    [ANON, PTE_SWAP],
    [SHMEM, PTE_NONE],
    [FILE, PTE_NONE],
  ] as const) {
    const r = explore((m) => {
      const { k, mm, folios } = smallWorld(m, rules("linux-6.1"), { pages: 1, resident: 1, frames: 1 }, { kind });
      const counter = countingNotifier(m, mm);
      m.spawn("t", allocates, [k]);
      m.atEnd("freed once", () => folios[0].generation.value === 1 && mm.ptes[0].state === state);
      m.atEnd("announced once", () => counter.calls === 12);
    });
    expect(r).toMatchObject({ verdict: "ok", message: "" });
  }
});

/** What a pinned page goes through (facts 8.5): is its notifier called, and how is the page-table entry left? */
function fate(rules: Rules, kind: MappingKind, swapCache: boolean): { called: boolean; state: number } {
  const seen = { called: false, state: -1 };
  const r = explore((m) => {
    const { k, mm, folios } = smallWorld(m, rules, { pages: 1, resident: 1, frames: 1 }, { kind, swapCache });
    pinAtSetUp(folios[0]);
    const counter = countingNotifier(m, mm);
    m.spawn("t", allocates, [k]);
    m.atEnd("never freed", () => folios[0].generation.value === 0);
    m.atEnd("noted", () => {
      seen.called = counter.calls !== 0;
      seen.state = mm.ptes[0].state;
      return true;
    });
  });
  expect(r).toMatchObject({ verdict: "ok", message: "" });
  return seen;
}

test("a pinned page is never freed; whether it is unmapped for nothing depends on rules and kind", () => {
  const unmapped = { called: true, state: PTE_NONE };
  const swapped = { called: true, state: PTE_SWAP };
  const left = { called: false, state: PTE_PRESENT };
  const table: [PresetName, anon: object, inSwapCache: object, shmem: object][] = [
    ["linux-5.7", swapped, swapped, unmapped],
    ["linux-5.10", swapped, swapped, unmapped],
    ["mayfail-full", swapped, swapped, unmapped],
    ["skip-pinned-unmap", left, left, left],
    ["linux-5.11", left, swapped, unmapped],
    ["linux-6.1", left, { called: true, state: PTE_PRESENT }, unmapped],
    ["linux-6.4", left, { called: true, state: PTE_PRESENT }, unmapped],
  ];
  for (const [preset, anon, inSwapCache, shmem] of table) {
    const r = rules(preset);
    expect([preset, fate(r, ANON, false), fate(r, ANON, true), fate(r, SHMEM, false)]).toEqual([
      preset,
      anon,
      inSwapCache,
      shmem,
    ]);
  }
  const all = rules("linux-5.7", { reclaimPinCheck: "all" });
  expect([fate(all, ANON, false), fate(all, ANON, true), fate(all, SHMEM, false)]).toEqual([left, left, left]);
});

test("two tasks share two frames for three pages: everybody gets his page, no reference is lost", () => {
  for (const kind of [ANON, SHMEM] as const) {
    const r = explore((m) => {
      const { k, mm } = smallWorld(m, rules("linux-6.1"), { pages: 3, resident: 1, frames: 2 }, { kind });
      for (const vpn of [1, 2]) m.spawn(`t${vpn}`, touches, [k, mm, vpn]);
      claimReferences(m, k, () => ({ pinned: [], memory: [] }));
    });
    expect(r).toMatchObject({ verdict: "ok", message: "" });
  }
});

test("two faults on one page, with reclaim in the way: one page, found in its cache by the slower one", () => {
  for (const kind of [ANON, SHMEM] as const) {
    const r = explore((m) => {
      const { k, mm } = smallWorld(m, rules("linux-6.1"), { pages: 2, resident: 1, frames: 1 }, { kind });
      for (const name of ["t1", "t2"]) m.spawn(name, touches, [k, mm, 1]);
      claimReferences(m, k, () => ({ pinned: [], memory: [] }));
    });
    expect(["ok", "assertion"]).toContain(r.verdict);
    expect(r.message).toMatch(/^$|the access failed/);
  }
});
