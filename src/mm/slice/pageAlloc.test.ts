import { expect, test } from "vitest";
import { memallocRestore, memallocSave, PF_MEMALLOC, PF_MEMALLOC_NOIO } from "../../machine/context.ts";
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import {
  __GFP_NOFAIL,
  __GFP_NORETRY,
  GFP_ATOMIC,
  GFP_KERNEL,
  GFP_NOFS,
  GFP_NOIO,
  GFP_NOWAIT,
} from "../../machine/gfp.ts";
import { lock, type Mutex, spinlock, unlock } from "../../machine/mutex.ts";
import { explore } from "../explore.testkit.ts";
import { rules } from "../rules.ts";
import { pinAtSetUp } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { folioPut } from "./lru.ts";
import { FILE } from "./mapping.ts";
import { allocPage, kfree, kmalloc } from "./pageAlloc.ts";
import { countingNotifier, smallWorld } from "./world.testkit.ts";

function* allocates(k: Kernel, gfp: number, succeeds: boolean): Task {
  const folio = yield* allocPage(k, gfp);
  must((folio !== null) === succeeds, "assertion", "the allocation went otherwise");
}

function* allocatesInScope(k: Kernel, flags: number, succeeds: boolean): Task {
  const before = memallocSave(flags);
  yield* allocates(k, GFP_KERNEL, succeeds);
  memallocRestore(flags, before);
}

function* allocatesUnder(k: Kernel, l: Mutex, gfp: number): Task {
  yield* lock(l);
  yield* allocPage(k, gfp);
  yield* unlock(l);
}

function* takesAndGivesBack(k: Kernel, gfp: number): Task {
  const memory = yield* kmalloc(k, gfp);
  yield* kfree(k, memory);
}

const linux = rules("linux-6.1");

test("gfp masks: who may take a resident page away", () => {
  // Anonymous memory that is not in the swap cache yet needs I/O; everything without direct reclaim fails.
  const cases: [gfp: number, succeeds: boolean][] = [
    [GFP_KERNEL, true],
    [GFP_NOFS, true],
    [GFP_NOIO, false],
    [GFP_NOWAIT, false],
    [GFP_ATOMIC, false],
    [GFP_KERNEL | __GFP_NORETRY, true],
  ];
  for (const [gfp, succeeds] of cases) {
    const r = explore((m) => {
      const { k } = smallWorld(m, linux, { pages: 1, resident: 1, frames: 1 });
      m.spawn("t", allocates, [k, gfp, succeeds]);
    });
    expect([gfp, r.verdict, r.message]).toEqual([gfp, "ok", ""]);
  }
});

test("NOIO does not keep one out of a notifier: a clean file page is unmapped all the same", () => {
  const r = explore((m) => {
    const { k, mm } = smallWorld(m, linux, { pages: 1, resident: 1, frames: 1 }, { kind: FILE });
    const counter = countingNotifier(m, mm);
    m.spawn("t", allocates, [k, GFP_NOIO, true]);
    m.atEnd("called", () => counter.calls === 12 || `calls ${counter.calls}`);
  });
  expect(r).toMatchObject({ verdict: "ok", message: "" });
});

test("scopes: PF_MEMALLOC forbids direct reclaim, NOIO takes IO and FS away", () => {
  for (const flags of [PF_MEMALLOC, PF_MEMALLOC_NOIO]) {
    const r = explore((m) => {
      const { k } = smallWorld(m, linux, { pages: 1, resident: 1, frames: 1 });
      m.spawn("t", allocatesInScope, [k, flags, false]);
    });
    expect(r).toMatchObject({ verdict: "ok", message: "" });
  }
});

test("an allocation that may reclaim is a sleep, also when a page is free", () => {
  const verdictUnderSpinlock = (gfp: number) =>
    explore((m) => {
      const { k } = smallWorld(m, linux, { pages: 1, resident: 0, frames: 1 });
      m.spawn("t", allocatesUnder, [k, spinlock("l"), gfp]);
    }).verdict;
  expect(verdictUnderSpinlock(GFP_KERNEL)).toBe("atomic-sleep");
  expect(verdictUnderSpinlock(GFP_ATOMIC)).toBe("ok");
});

test("NOFAIL loops for ever where nothing can be freed; without it the allocation fails", () => {
  const verdictWith = (gfp: number) =>
    explore((m) => {
      const { k, folios } = smallWorld(m, linux, { pages: 1, resident: 1, frames: 1 });
      for (const folio of folios) pinAtSetUp(folio);
      m.spawn("t", takesAndGivesBack, [k, gfp]);
    }).verdict;
  expect(verdictWith(GFP_KERNEL | __GFP_NOFAIL)).toBe("livelock");
  expect(verdictWith(GFP_KERNEL)).toBe("ok");
});

test("a reference that is dropped twice is a finding", () => {
  const r = explore((m) => {
    const { k } = smallWorld(m, linux, { pages: 1, resident: 0, frames: 1 });
    m.spawn("t", putsTwice, [k]);
  });
  expect(r.verdict).toBe("use-after-free");
});

function* putsTwice(k: Kernel): Task {
  const folio = yield* allocPage(k, GFP_KERNEL);
  if (!folio) return;
  yield* folioPut(k, folio);
  yield* folioPut(k, folio);
}
