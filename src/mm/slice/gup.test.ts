import { expect, test } from "vitest";
import type { Task } from "../../machine/core.ts";
import { ENOMEM } from "../../machine/errno.ts";
import { must } from "../../machine/finding.ts";
import { explore } from "../explore.testkit.ts";
import { rules } from "../rules.ts";
import {
  createPages,
  FOLL_GET,
  FOLL_WRITE,
  type PageSlot,
  pinUserPagesFastOnly,
  pinUserPagesUnlocked,
  unpinUserPages,
} from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { claimReferences } from "./leak.ts";
import { madviseDontneed } from "./memory.ts";
import type { Mm } from "./mm.ts";
import { smallWorld } from "./world.testkit.ts";

const linux = rules("linux-6.1");

function* pins(k: Kernel, mm: Mm, count: number, flags: number, pages: PageSlot[], expected: number): Task {
  const result = yield* pinUserPagesUnlocked(k, mm, 0, count, flags, pages);
  must(result === expected, "assertion", `result ${result}`);
}

function* pinsAndUnpins(k: Kernel, mm: Mm, count: number, pages: PageSlot[]): Task {
  const result = yield* pinUserPagesUnlocked(k, mm, 0, count, FOLL_WRITE, pages);
  if (result > 0) yield* unpinUserPages(k, pages, result);
}

function* pinsFast(mm: Mm, count: number, pages: PageSlot[], expected: number): Task {
  const result = yield* pinUserPagesFastOnly(mm, 0, count, FOLL_WRITE, pages);
  must(result === expected, "assertion", `result ${result}`);
}

test("a pin is 1024 references, a get one; both fault the page in", () => {
  for (const [flags, refs] of [
    [FOLL_WRITE, 1024],
    [FOLL_GET, 1],
  ] as const) {
    const r = explore((m) => {
      const { k, mm } = smallWorld(m, linux, { pages: 1, resident: 0, frames: 1 });
      m.spawn("t", pins, [k, mm, 1, flags, createPages("pages", 1), 1]);
      m.atEnd("references", () => k.folios[0].refcount.value === refs + 1);
    });
    expect(r).toMatchObject({ verdict: "ok", message: "" });
  }
});

test("without memory for page 1 page 0 stays pinned and is reported; without memory for page 0 it is -ENOMEM", () => {
  for (const [frames, expected] of [
    [1, 1],
    [0, -ENOMEM],
  ] as const) {
    const r = explore((m) => {
      const { k, mm } = smallWorld(m, linux, { pages: 2, resident: 0, frames });
      m.spawn("t", pins, [k, mm, 2, FOLL_WRITE, createPages("pages", 2), expected]);
    });
    expect(r).toMatchObject({ verdict: "ok", message: "" });
  }
});

test("the fast path stops at the first page that is not there", () => {
  const r = explore((m) => {
    const { mm } = smallWorld(m, linux, { pages: 2, resident: 1, frames: 2 });
    m.spawn("t", pinsFast, [mm, 2, createPages("pages", 2), 1]);
  });
  expect(r).toMatchObject({ verdict: "ok", message: "" });
});

test("pins outlive the mapping, and go back exactly", () => {
  const r = explore((m) => {
    const { k, mm } = smallWorld(m, linux, { pages: 2, resident: 1, frames: 2 });
    const pages = createPages("pages", 2);
    m.spawn("pinner", pinsAndUnpins, [k, mm, 2, pages]);
    m.spawn("dropper", madviseDontneed, [k, mm, 0, 2]);
    claimReferences(m, k, () => ({ pinned: pages, memory: [] }));
  });
  expect(r).toMatchObject({ verdict: "ok", message: "" });
});

test("a forgotten unpin is a leak", () => {
  const r = explore((m) => {
    const { k, mm } = smallWorld(m, linux, { pages: 1, resident: 1, frames: 1 });
    m.spawn("t", pins, [k, mm, 1, FOLL_WRITE, createPages("pages", 1), 1]);
    claimReferences(m, k, () => ({ pinned: [], memory: [] }));
  });
  expect(r).toMatchObject({ verdict: "leak" });
});
