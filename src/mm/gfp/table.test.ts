/** Rows of the table against what is known of Linux 6.1 (facts 3.1 to 3.3, 4.2, 5.4), and the factoring against the runs that it saves. */
import { expect, test } from "vitest";
import { GFP_MASKS } from "../../machine/gfp.ts";
import { rules } from "../rules.ts";
import { Asked } from "./ask.ts";
import { maskNamed, SCOPE_FLAGS } from "./masks.ts";
import {
  type Caller,
  DEFAULT_MASKS,
  type Held,
  KSWAPD_ITSELF,
  LOCKS,
  PAGE_KINDS,
  type PageKind,
  type Scope,
} from "./names.ts";
import { askOf, type GfpRow, gfpRows } from "./table.ts";

const linux = rules("linux-6.1");

interface Choice {
  readonly pages?: readonly PageKind[];
  readonly held?: readonly Held[];
  readonly scope?: Scope;
  readonly caller?: Caller;
  readonly under?: ReturnType<typeof rules>;
}

function rowsOf(
  mask: string,
  { pages = PAGE_KINDS, held = [], scope = "none", caller = "process", under = linux }: Choice = {},
) {
  return gfpRows({ rules: under, masks: [mask], scopes: [scope], callers: [caller], pages, held });
}

const row = (mask: string, page: PageKind, choice: Choice = {}) =>
  rowsOf(mask, { ...choice, pages: [page] })[0] as GfpRow;
const pagesWhere = (rows: readonly GfpRow[], holds: (row: GfpRow) => boolean) => rows.filter(holds).map((r) => r.page);

test("without __GFP_DIRECT_RECLAIM nothing is entered, and kswapd is woken if the mask says so", () => {
  for (const mask of ["GFP_ATOMIC", "GFP_NOWAIT", "GFP_TRANSHUGE_LIGHT"]) {
    const woken = mask === "GFP_TRANSHUGE_LIGHT" ? [] : ["kswapd"];
    for (const r of rowsOf(mask, { held: LOCKS })) {
      expect([r.entered, r.sleeps, r.ending]).toEqual([woken, false, "fails"]);
      expect(new Set(Object.values(r.held))).toEqual(new Set(["ok"]));
    }
  }
});

test("reserves: 62.5 % of the reserve for GFP_ATOMIC, half for __GFP_HIGH alone, everything for __GFP_MEMALLOC and PF_MEMALLOC", () => {
  const got = (mask: string, choice: Choice = {}) => row(mask, "anon", choice).got;
  expect(got("GFP_NOWAIT")).toBe(0);
  expect(got("GFP_ATOMIC")).toBe(6);
  expect(got("GFP_ATOMIC|__GFP_NOMEMALLOC")).toBe(5);
  expect(got("GFP_ATOMIC|__GFP_MEMALLOC")).toBe(10);
  expect(got("GFP_NOFS", { scope: "noreclaim" })).toBe(10);
  expect(got("GFP_NOFS|__GFP_NOMEMALLOC", { scope: "noreclaim" })).toBe(0);
});

test("GFP_NOIO calls notifiers for all but anonymous pages that are not in the swap cache; it writes nothing", () => {
  const rows = rowsOf("GFP_NOIO");
  expect(pagesWhere(rows, (r) => r.entered.includes("notifier"))).toEqual([
    "swapcache",
    "shmem",
    "clean",
    "dirty",
    "private",
    "shmem-pinned",
  ]);
  expect(rows.every((r) => r.entered.includes("young") && r.sleeps)).toBe(true);
  expect(pagesWhere(rows, (r) => r.entered.includes("swap") || r.entered.includes("writepage"))).toEqual([]);
  // The file system is asked to release its buffers nevertheless.
  expect(pagesWhere(rows, (r) => r.entered.includes("release"))).toEqual(["private"]);
});

test("GFP_NOFS swaps anonymous pages out, and enters neither file systems nor their shrinkers; GFP_KERNEL does", () => {
  const nofs = rowsOf("GFP_NOFS");
  expect(pagesWhere(nofs, (r) => r.entered.includes("swap"))).toEqual(["anon", "swapcache"]);
  expect(pagesWhere(nofs, (r) => r.entered.includes("inodes") || r.entered.includes("writepage"))).toEqual([]);
  expect(nofs.every((r) => r.entered.includes("shrinker"))).toBe(true);
  const kernel = rowsOf("GFP_KERNEL");
  expect(kernel.every((r) => r.entered.includes("inodes"))).toBe(true);
  // Dirty pages of files are kswapd's and the flusher's.
  expect(pagesWhere(kernel, (r) => r.entered.includes("writepage"))).toEqual(["shmem"]);
  expect(pagesWhere(rowsOf(KSWAPD_ITSELF), (r) => r.entered.includes("writepage"))).toEqual(["shmem", "dirty"]);
});

test("who has PF_MEMALLOC enters nothing, by scope or as kswapd", () => {
  for (const choice of [{ scope: "noreclaim" }, { caller: "kswapd" }] as const) {
    for (const r of rowsOf("GFP_KERNEL", choice)) expect([r.entered, r.ending]).toEqual([["kswapd"], "fails"]);
  }
});

test("how it ends: small allocations do not fail, unless they say so or are the victim", () => {
  const end = (mask: string) => {
    const { ending, victim, entered } = row(mask, "clean");
    return [ending, victim, entered.includes("oom")];
  };
  expect(end("GFP_KERNEL")).toEqual(["kills", "fails", true]);
  expect(end("GFP_NOFS")).toEqual(["loops", null, true]);
  expect(end("GFP_KERNEL|__GFP_NORETRY")).toEqual(["fails", null, false]);
  expect(end("GFP_KERNEL|__GFP_RETRY_MAYFAIL")).toEqual(["fails", null, false]);
  expect(end("GFP_KERNEL|__GFP_THISNODE")).toEqual(["fails", null, false]);
  expect(end("GFP_NOFS|__GFP_NOFAIL")).toEqual(["loops", null, true]);
  expect(end("GFP_KERNEL|__GFP_NOFAIL")).toEqual(["kills", "loops", true]);
});

test("ZONE_MOVABLE: by the mask, and not in memalloc_pin_save", () => {
  expect(row("GFP_HIGHUSER_MOVABLE", "clean").movable).toBe(true);
  expect(row("GFP_HIGHUSER_MOVABLE", "clean", { scope: "pin" }).movable).toBe(false);
  expect(row("GFP_KERNEL", "clean").movable).toBe(false);
});

test("locks: what notifiers and shrinkers take is a deadlock, what is only tried is none", () => {
  const { held } = row("GFP_KERNEL", "clean", { held: LOCKS });
  expect(held).toEqual({
    none: "ok",
    spinlock: "atomic-sleep",
    driver: "deadlock",
    mmap_lock: "ok",
    "gem-trylock": "ok",
    gem: "deadlock",
    fs: "deadlock",
    folio: "ok",
    // folio_referenced only tries, and a page that it cannot look at is kept.
    rmap: "ok",
  });
  expect(row("GFP_NOFS", "clean", { held: ["fs", "driver"] }).held).toEqual({ fs: "ok", driver: "deadlock" });
  // "Just use GFP_NOIO" is no answer to a notifier.
  expect(pagesWhere(rowsOf("GFP_NOIO", { held: ["driver"] }), (r) => r.held.driver === "ok")).toEqual([
    "anon",
    "anon-pinned",
  ]);
});

test("the table follows the rules of the mm: pinned pages and the lock of the driver that has pinned them", () => {
  const choice: Choice = { pages: ["anon-pinned", "shmem-pinned"], held: ["driver"] };
  const verdicts = (under: ReturnType<typeof rules>) =>
    rowsOf("GFP_KERNEL", { ...choice, under }).map((r) => `${r.page}: ${r.held.driver}`);
  const deadlocks = ["anon-pinned: deadlock", "shmem-pinned: deadlock"];
  expect(verdicts(rules("linux-5.7"))).toEqual(deadlocks);
  expect(verdicts(rules("linux-6.1", { reclaimPinCheck: "none" }))).toEqual(deadlocks);
  expect(verdicts(linux)).toEqual(["anon-pinned: ok", "shmem-pinned: deadlock"]);
  const fine = ["anon-pinned: ok", "shmem-pinned: ok"];
  expect(verdicts(rules("linux-6.1", { reclaimPinCheck: "all" }))).toEqual(fine);
  expect(verdicts(rules("skip-pinned-unmap"))).toEqual(fine);
});

test("runs that are shared would have been equal: scopes are masks, and some bits are not looked at", () => {
  const machine = new Asked("private", linux);
  for (const scope of ["nofs", "noio", "pin"] as const) {
    for (const mask of ["GFP_HIGHUSER_MOVABLE", "GFP_KERNEL|__GFP_NORETRY"]) {
      const run = { gfp: maskNamed(mask), flags: SCOPE_FLAGS[scope], caller: "process", held: "none" } as const;
      expect(machine.ask(run)).toEqual(machine.ask(askOf(mask, scope, "process", "none")));
    }
  }
  for (const mask of ["GFP_USER", "GFP_HIGHUSER", "GFP_TRANSHUGE", "GFP_KERNEL_ACCOUNT"] as const) {
    const run = { gfp: GFP_MASKS[mask], flags: 0, caller: "process", held: "none" } as const;
    expect(machine.ask(run)).toEqual(machine.ask(askOf(mask, "none", "process", "none")));
  }
});

test("runs that are left early end as they would have", () => {
  for (const page of ["anon", "shmem", "dirty"] as const) {
    const early = new Asked(page, linux);
    const whole = new Asked(page, linux, { patient: true });
    for (const mask of ["GFP_NOIO", "GFP_NOFS|__GFP_NOFAIL", "GFP_KERNEL"]) {
      const ask = askOf(mask, "none", "process", "none");
      expect(early.ask(ask)).toEqual(whole.ask(ask));
    }
  }
});

test("a machine that was asked before answers the same", () => {
  const used = new Asked("shmem", linux);
  const asks = ["GFP_KERNEL", "GFP_NOIO"].flatMap((mask) =>
    (["none", "driver", "spinlock"] as const).map((held) => askOf(mask, "none", "process", held)),
  );
  const first = asks.map((ask) => used.ask(ask));
  expect([...asks].reverse().map((ask) => used.ask(ask))).toEqual([...first].reverse());
});

test("runs that hold a lock and are left early have the verdict of the whole run", () => {
  for (const page of ["anon", "dirty"] as const) {
    const early = new Asked(page, linux);
    const whole = new Asked(page, linux, { patient: true });
    for (const held of LOCKS) {
      const ask = askOf("GFP_KERNEL|__GFP_RETRY_MAYFAIL", "none", "process", held);
      expect(early.ask(ask).verdict).toBe(whole.ask(ask).verdict);
    }
  }
});

test("every default mask has a name that is known", () => {
  for (const mask of DEFAULT_MASKS) expect(maskNamed(mask), mask).not.toBe(null);
  expect(maskNamed("GFP_KERNELL")).toBe(null);
});
