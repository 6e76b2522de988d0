/** The table of pins against what is known of each kernel: facts 5.4 and 8.5, and the thread of June 2020. */
import { expect, test } from "vitest";
import { rules } from "../rules.ts";
import { PINS } from "./names.ts";
import { PIN_PAGES, pinRow, pinRows, pinRules } from "./pins.ts";

const table = pinRows(pinRules());
const find = (name: string, page: string, pin: string) => {
  const found = table.find((row) => row.rules === name && row.page === page && row.pin === pin);
  if (!found) throw new Error(`no row for ${name}, ${page}, ${pin}`);
  return found;
};
/** Was it notified, is it mapped still, was it freed? And by which row of shrink_folio_list. */
const cell = (name: string, page: string, pin: string) => {
  const { notified, mapped, freed, rows } = find(name, page, pin);
  return [
    notified > 0 ? "notified" : "left alone",
    mapped ? "mapped" : "unmapped",
    freed ? "freed" : "kept",
    rows.at(-1),
  ];
};

test("all cells are there, and whoever is notified without a pin is so once", () => {
  expect(table.length).toBe(pinRules().length * PIN_PAGES.length * PINS.length);
  for (const row of table)
    if (row.pin === "none") expect([row.notified, row.refused, row.mapped]).toEqual([1, 0, false]);
});

test("a page that nobody holds is freed, but for dirty ones of files, which the flusher has to write", () => {
  for (const { name } of pinRules()) {
    for (const page of PIN_PAGES) {
      const freed = page !== "dirty";
      expect([name, page, find(name, page, "none").freed]).toEqual([name, page, freed]);
    }
  }
});

test("no page that somebody has a reference to is freed, whatever the rules", () => {
  for (const row of table)
    if (row.pin !== "none") expect([row.rules, row.page, row.freed]).toEqual([row.rules, row.page, false]);
});

test("linux-6.1 and FOLL_PIN: fresh anonymous pages are left alone, all others notified in vain", () => {
  expect(cell("linux-6.1", "anon", "pin")).toEqual(["left alone", "mapped", "kept", 13]);
  // RS, the entry cleared and restored, RE; and again with every scan.
  expect(cell("linux-6.1", "swapcache", "pin")).toEqual(["notified", "mapped", "kept", 18]);
  expect(find("linux-6.1", "swapcache", "pin").notified).toBeGreaterThan(1);
  for (const page of ["shmem", "clean", "dirty"]) {
    expect(cell("linux-6.1", page, "pin")).toEqual(["notified", "unmapped", "kept", 19]);
    expect(find("linux-6.1", page, "pin").counters.pgactivate).toBeGreaterThan(0);
  }
});

test("linux-6.1 and a plain reference: unmapped, and kept by the count of references at the very end", () => {
  expect(cell("linux-6.1", "anon", "get")).toEqual(["notified", "unmapped", "kept", 22]);
  expect(find("linux-6.1", "anon", "get").inSwapCache).toBe(true);
  expect(cell("linux-6.1", "clean", "get")).toEqual(["notified", "unmapped", "kept", 25]);
});

test("linux-5.7: a pin is a reference like any other", () => {
  for (const page of PIN_PAGES) {
    expect(cell("linux-5.7", page, "pin")).toEqual(cell("linux-5.7", page, "get"));
    expect(find("linux-5.7", page, "pin").notified).toBeGreaterThan(0);
  }
});

test("linux-5.11 cures fresh anonymous pages, and nothing else", () => {
  expect(cell("linux-5.11", "anon", "pin")).toEqual(["left alone", "mapped", "kept", 13]);
  for (const page of ["swapcache", "shmem", "clean", "dirty"]) {
    expect(cell("linux-5.11", page, "pin")).toEqual(cell("linux-5.7", page, "pin"));
  }
});

test("linux-6.4 is linux-6.1 in this: the check was ported back", () => {
  for (const page of PIN_PAGES) {
    for (const pin of PINS) expect(cell("linux-6.4", page, pin)).toEqual(cell("linux-6.1", page, pin));
  }
});

test("what was proposed: only the early checks and the skipped unmap spare the subscriber; MAYFAIL asks him", () => {
  for (const page of PIN_PAGES) {
    expect(cell("skip-pinned-unmap", page, "pin")).toEqual(["left alone", "mapped", "kept", 18]);
    expect(cell("early-all", page, "pin")).toEqual(["left alone", "mapped", "kept", 13]);
    // Both know pins only.
    expect(find("skip-pinned-unmap", page, "get").notified).toBeGreaterThan(0);
    expect(find("early-all", page, "get").notified).toBeGreaterThan(0);
    for (const pin of ["get", "pin"]) {
      const posted = find("mayfail-as-posted", page, pin);
      expect([posted.refused, posted.mapped]).toEqual([posted.notified, false]);
      expect(posted.refused).toBeGreaterThan(0);
      const full = find("mayfail-full", page, pin);
      expect([full.refused, full.mapped]).toEqual([full.notified, true]);
    }
  }
});

test("the counters that move are those of the page's kind", () => {
  const moved = (page: string, pin: string) => Object.keys(find("linux-6.1", page, pin).counters);
  expect(moved("anon", "none")).toEqual(expect.arrayContaining(["pgsteal_anon", "nr_vmscan_write", "pswpout"]));
  expect(moved("clean", "none")).toContain("pgsteal_file");
  expect(moved("clean", "none")).not.toContain("nr_vmscan_write");
  expect(moved("dirty", "none")).toContain("nr_vmscan_immediate_reclaim");
  // Getting it has marked it as used, so the first scan activates it; after that nothing happens to it.
  expect(find("linux-6.1", "anon", "pin").counters.pgactivate).toBe(1);
  expect(moved("anon", "pin").filter((name) => name.startsWith("pgsteal"))).toEqual([]);
});

test("a single switch changes a single cell", () => {
  const without = pinRow("clean", "pin", rules("linux-6.1", { latePinCheck: false }));
  expect([without.notified > 0, without.rows.at(-1)]).toEqual([true, 25]);
});
