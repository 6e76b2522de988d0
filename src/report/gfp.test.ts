/** The whole table, from a few rows. */
import { expect, test } from "vitest";
import { LOCKS, type PageKind } from "../mm/gfp/names.ts";
import type { GfpRow } from "../mm/gfp/table.ts";
import { gfpText } from "./gfp.ts";
import { PLAIN } from "./style.ts";

const ok = Object.fromEntries(LOCKS.map((lock) => [lock, "ok" as const]));

function row(page: PageKind, changes: Partial<GfpRow> = {}): GfpRow {
  return {
    mask: "GFP_KERNEL|__GFP_NORETRY",
    scope: "none",
    caller: "process",
    page,
    entered: ["reclaim"],
    sleeps: true,
    movable: false,
    ending: "fails",
    victim: null,
    got: 0,
    held: { ...ok, spinlock: "atomic-sleep" },
    ...changes,
  };
}

const rows = [
  row("anon"),
  row("clean", { entered: ["reclaim", "notifier"], held: { ...ok, driver: "deadlock" } }),
  row("anon", { scope: "nofs", entered: ["reclaim"], ending: "loops" }),
  row("clean", { scope: "nofs", entered: ["reclaim"], ending: "fails" }),
  row("anon", { caller: "worker" }),
  row("clean", { caller: "worker", entered: ["reclaim", "notifier"] }),
];

test("pages are letters where they differ, changes are told beside the ordinary case", () => {
  const text = gfpText(rows, "some-rules", PLAIN).join("\n");
  expect(text).toMatch(/^What an allocation may enter when memory is exhausted \(some-rules\):\n/);
  expect(text).toMatch(/^KERNEL\|NORETRY +- +yes +- +\.f +-/m);
  expect(text).toMatch(/^KERNEL\|NORETRY +- +sleeps +\.f +ok +ok +ok$/m);
  expect(text).toMatch(/^KERNEL\|NORETRY +ok +ok +ok +fails$/m);
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(72);
  expect(text).toMatch(/^memalloc_nofs_save +KERNEL\|NORETRY: notifier -, loops a, fails f$/m);
  expect(text).toMatch(/^a worker +nothing changes$/m);
  expect(text).toMatch(/^f +pages on the lists are of a file, clean$/m);
  expect(text).not.toMatch(/shared memory/);
});
