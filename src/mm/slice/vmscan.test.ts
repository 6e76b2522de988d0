import { expect, test } from "vitest";
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { GFP_ATOMIC, GFP_KERNEL } from "../gfp.ts";
import { rules } from "../rules.ts";
import { explore } from "./explore.testkit.ts";
import { pinAtSetUp } from "./gup.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { ANON, createMapping } from "./mapping.ts";
import { populate, userAccess } from "./memory.ts";
import { createMm, type Mm } from "./mm.ts";
import { allocPage } from "./pageAlloc.ts";

function* allocates(k: Kernel, gfp: number, succeeds: boolean): Task {
  const folio = yield* allocPage(k, gfp);
  must((folio !== null) === succeeds, "assertion", "the allocation went otherwise");
}

function* touches(k: Kernel, mm: Mm): Task {
  const error = yield* userAccess(k, mm, 0, true);
  must(error === 0, "assertion", "the access failed");
}

test("an allocation without free pages takes the oldest page away", () => {
  const r = explore((m) => {
    const k = createKernel(m, rules("linux-6.1"), 1);
    const mm = createMm(m, k, "mm", [{ mapping: createMapping(m, "anon", ANON, 1), pages: 1 }]);
    const folio = populate(k, mm, 0);
    m.spawn("t", allocates, [k, GFP_KERNEL, true]);
    m.atEnd("page moved", () => folio.generation.value === 1 && folio.refcount.value === 1 && mm.ptes[0].state === 2);
  });
  expect(r).toMatchObject({ verdict: "ok" });
});

test("an atomic allocation does not reclaim, a pinned page is not freed", () => {
  for (const [gfp, pin, succeeds] of [
    [GFP_ATOMIC, false, false],
    [GFP_KERNEL, true, false],
    [GFP_KERNEL, false, true],
  ] as const) {
    const r = explore((m) => {
      const k = createKernel(m, rules("linux-5.7"), 1);
      const mm = createMm(m, k, "mm", [{ mapping: createMapping(m, "anon", ANON, 1), pages: 1 }]);
      const folio = populate(k, mm, 0);
      if (pin) pinAtSetUp(folio);
      m.spawn("t", allocates, [k, gfp, succeeds]);
    });
    expect(r).toMatchObject({ verdict: "ok" });
  }
});

test("two tasks share two frames for three pages: everybody gets his page", () => {
  const r = explore((m) => {
    const k = createKernel(m, rules("linux-6.1"), 2);
    const mms = [0, 1].map((i) =>
      createMm(m, k, `mm${i}`, [{ mapping: createMapping(m, `anon${i}`, ANON, 1), pages: 1 }]),
    );
    populate(k, createMm(m, k, "old", [{ mapping: createMapping(m, "anonOld", ANON, 1), pages: 1 }]), 0);
    for (const [i, mm] of mms.entries()) m.spawn(`t${i}`, touches, [k, mm]);
  });
  expect(r).toMatchObject({ verdict: "ok" });
});
