/** The table of allocations, and the one of pins, as text. What is in it comes from src/mm/gfp. */
import {
  ABOUT_LOCKS,
  ABOUT_PAGES,
  ABOUT_SCOPES,
  type Held,
  LOCKS,
  type PageKind,
  PLACES,
  type Place,
} from "../mm/gfp/names.ts";
import type { PinRow } from "../mm/gfp/pins.ts";
import type { GfpRow } from "../mm/gfp/table.ts";
import { MAIL, paint, type Style } from "./style.ts";
import { type Cell, table, tables } from "./table.ts";
import { wrap } from "./width.ts";

const HEADERS: Readonly<Record<Place, string>> = {
  kswapd: "wakes",
  reclaim: "reclaim",
  young: "young",
  notifier: "notifier",
  shrinker: "shrink",
  inodes: "inodes",
  release: "release",
  writepage: "write",
  swap: "swap",
  oom: "oom",
};

const ABOUT_PLACES: Readonly<Record<Place, string>> = {
  kswapd: "kswapd is woken",
  reclaim: "the task itself reclaims",
  young: "clear_flush_young of a notifier, which is atomic",
  notifier: "invalidate_range_start of a notifier",
  shrinker: "shrinkers",
  inodes: "a shrinker goes into its file system, as __GFP_FS allows it to",
  release: "release_folio of a file system (and releases the buffers)",
  writepage: "writepage of a file system",
  swap: "a page is written to swap",
  oom: "the OOM killer",
};

const ENDS: Readonly<Record<GfpRow["ending"], string>> = {
  fails: "fails",
  loops: "loops",
  kills: "kills",
  done: "done",
  broken: "a bug",
};

/** As wide as a mail at most. */
const narrow = (style: Style): Style => ({ ...style, width: Math.min(style.width, MAIL.width) });

/** Rows that differ in `page` only, in order. */
function groups(rows: readonly GfpRow[]): GfpRow[][] {
  const byKey = new Map<string, GfpRow[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = byKey.get(key) ?? [];
    group.push(row);
    byKey.set(key, group);
  }
  return [...byKey.values()];
}

const keyOf = ({ mask, scope, caller }: GfpRow): string => `${mask} ${scope} ${caller}`;

/** "GFP_KERNEL|__GFP_NORETRY" as "KERNEL|NORETRY". */
const short = (mask: string): string => mask.replace(/\b(__)?GFP_/g, "");

/** For which pages? "yes" = all, "-" = none, else a letter for each. */
function pattern(group: readonly GfpRow[], holds: (row: GfpRow) => boolean): string {
  const where = group.filter(holds);
  if (where.length === 0) return "-";
  if (where.length === group.length) return "yes";
  return group.map((row) => (holds(row) ? ABOUT_PAGES[row.page].letter : ".")).join("");
}

/** The same values of all pages, or each value with its pages. */
function values(group: readonly GfpRow[], textOf: (row: GfpRow) => string): string {
  const all = [...new Set(group.map(textOf))];
  if (all.length === 1) return all[0] as string;
  return all.map((v) => `${v} ${pattern(group, (row) => textOf(row) === v).replaceAll(".", "")}`).join(", ");
}

/** A task that is chosen by the OOM killer gets an error, and so an answer. */
function endOf(row: GfpRow): string {
  return row.victim === null ? ENDS[row.ending] : `${ENDS[row.ending]} (${ENDS[row.victim]})`;
}

/** The whole table: effects, ends, locks, scopes, callers, and what the words mean. `rows`: of all scopes and callers asked for. */
export function gfpText(rows: readonly GfpRow[], rules: string, wide: Style): string[] {
  const style = narrow(wide);
  const plain = groups(rows).filter(isPlain);
  const first = plain[0] ?? [];
  const pages = first.map((row) => row.page);
  const held = LOCKS.filter((lock) => lock !== "none" && first[0]?.held[lock] !== undefined);
  const others = groups(rows).filter((group) => !isPlain(group));
  return [
    ...wrap(`What an allocation may enter when memory is exhausted (${rules}):`, style.width).map((line) =>
      paint(style, "bold", line),
    ),
    "",
    ...tables(["mask", ...PLACES.map((place) => HEADERS[place])], plain.map(effects), style),
    "",
    paint(style, "bold", "How it ends when nothing is left, and bugs while a lock is held:"),
    "",
    ...tables(
      ["mask", "movable", ...held, "end"],
      plain.map((group) => ends(group, held)),
      style,
    ),
    ...(others.length === 0 ? [] : ["", ...changes(plain, others, style)]),
    "",
    ...legend(pages, held, style),
  ];
}

/** Nothing but the mask is special about it. */
const isPlain = (group: readonly GfpRow[]): boolean => {
  const [row] = group;
  return row !== undefined && row.scope === "none" && (row.caller === "process" || row.mask === "kswapd");
};

function effects(group: readonly GfpRow[]): (string | Cell)[] {
  return [short(group[0]?.mask ?? ""), ...PLACES.map((place) => pattern(group, (row) => row.entered.includes(place)))];
}

function ends(group: readonly GfpRow[], held: readonly Held[]): (string | Cell)[] {
  const [row] = group;
  return [
    short(row?.mask ?? ""),
    row?.movable ? "yes" : "-",
    ...held.map((lock): Cell => verdict(group, lock)),
    values(group, endOf),
  ];
}

function verdict(group: readonly GfpRow[], lock: Held): Cell {
  if (group.every((row) => row.held[lock] === "ok")) return { text: "ok", paint: "good" };
  if (group.some((row) => row.held[lock] === "atomic-sleep")) return { text: "sleeps", paint: "bad" };
  const where = pattern(group, (row) => row.held[lock] !== "ok");
  return { text: where === "yes" ? "deadlock" : where, paint: "bad" };
}

/** What is different for other callers and in scopes, beside what the same mask does in the table above. */
function changes(plain: readonly GfpRow[][], others: readonly GfpRow[][], style: Style): string[] {
  const lines = new Map<string, Map<string, string[]>>();
  for (const group of others) {
    const row = group[0] as GfpRow;
    const where = row.scope === "none" ? `a ${row.caller}` : ABOUT_SCOPES[row.scope];
    const own = plain.find((p) => p[0]?.mask === row.mask);
    const masks = lines.get(where) ?? new Map<string, string[]>();
    lines.set(where, masks);
    const what = own === undefined ? "" : change(own, group);
    if (what !== "") masks.set(what, [...(masks.get(what) ?? []), short(row.mask)]);
  }
  const rows = [...lines].flatMap(([where, masks]) =>
    masks.size === 0
      ? [[where, "nothing changes"]]
      : [...masks].map(([what, names], i) => [i === 0 ? where : "", `${names.join(", ")}: ${what}`]),
  );
  return [
    paint(style, "bold", "What changes for other callers, and in scopes (else nothing):"),
    "",
    ...table([], rows, style),
  ];
}

function change(from: readonly GfpRow[], to: readonly GfpRow[]): string {
  const row = to[0] as GfpRow;
  const parts: string[] = [];
  const changed = PLACES.filter((place) => here(from, place) !== here(to, place));
  const nothing = to.every((each) => each.entered.every((place) => place === "kswapd"));
  if (changed.length > 0 && nothing) parts.push("enters nothing");
  else parts.push(...changed.map((place) => `${HEADERS[place]} ${here(to, place)}`));
  if (from[0]?.movable !== row.movable) parts.push(`movable ${row.movable ? "yes" : "-"}`);
  const end = values(to, endOf);
  if (end !== values(from, endOf)) parts.push(end);
  return parts.join(", ");
}

const here = (group: readonly GfpRow[], place: Place): string => pattern(group, (row) => row.entered.includes(place));

function legend(pages: readonly PageKind[], held: readonly Held[], style: Style): string[] {
  const rows = [
    ...pages.map((page) => [ABOUT_PAGES[page].letter, `pages on the lists are ${ABOUT_PAGES[page].about}`]),
    ["yes", "for all of these pages; - = for none"],
    ...PLACES.map((place) => [HEADERS[place], ABOUT_PLACES[place]]),
    ["movable", "takes pages of ZONE_MOVABLE"],
    [
      "end",
      "fails: the call fails; loops: it does not return; kills: the OOM killer kills, and for the victim it (fails); a kernel thread is no victim",
    ],
    ...held.map((lock) => [lock, `held: ${ABOUT_LOCKS[lock]}`]),
  ];
  return table([], rows, style);
}

/** A table for each mask, scope and caller, with a line for each page. */
export function gfpDetails(rows: readonly GfpRow[], rules: string, wide: Style): string[] {
  const style = narrow(wide);
  const lines: string[] = [];
  for (const group of groups(rows)) {
    const row = group[0] as GfpRow;
    const held = LOCKS.filter((lock) => lock !== "none" && row.held[lock] !== undefined);
    const scope = row.scope === "none" ? "" : `, ${ABOUT_SCOPES[row.scope]}`;
    const body = group.map((each) => [
      each.page,
      each.sleeps ? "sleeps" : "atomic",
      endOf(each),
      ...held
        .map((lock): Cell => verdict([each], lock))
        .map((c) => ({ ...c, text: c.text === "yes" ? "deadlock" : c.text })),
      each.entered.map((place) => HEADERS[place]).join(" ") || "nothing",
    ]);
    lines.push(paint(style, "bold", `${row.mask}, ${row.caller}${scope} (${rules})`));
    lines.push(...tables(["pages", "", "end", ...held, "enters"], body, style), "");
  }
  return lines;
}

// -- pins -----------------------------------------------------------------------------------------------------------

const PIN_WORDS = { none: "nobody", get: "FOLL_GET", pin: "FOLL_PIN" } as const;

/** Counters that say what became of the page; the others only say that reclaim was there. */
const TELLING = /^(pgsteal_(anon|file)|pgactivate|pswpout|nr_vmscan_write|nr_vmscan_immediate_reclaim|pglazyfreed)$/;

/** A block for each rule: pages down, who has a reference across. */
export function pinsText(rows: readonly PinRow[], wide: Style): string[] {
  const style = { ...wide, width: Math.min(wide.width, 80) };
  const lines = wrap(
    "A mapped page is reclaimed while somebody has a reference to it. Is the subscriber of its mm called, and is the page freed?",
    style.width,
  );
  for (const name of new Set(rows.map((row) => row.rules))) {
    const own = rows.filter((row) => row.rules === name);
    lines.push("", paint(style, "bold", `${name}:`));
    lines.push(
      ...table(
        ["page", "held by", "called", "mapped", "freed", "row", "counters"],
        own.map((row) => [
          row.page,
          PIN_WORDS[row.pin],
          called(row),
          row.mapped ? "yes" : "no",
          { text: row.freed ? "yes" : "no", paint: row.freed ? ("good" as const) : ("dim" as const) },
          String(row.rows.at(-1) ?? ""),
          Object.entries(row.counters)
            .filter(([counter]) => TELLING.test(counter))
            .map(([counter, n]) => `${counter} +${n}`)
            .join(", "),
        ]),
        style,
      ),
    );
  }
  lines.push(
    "",
    ...wrap(
      "called: invalidate_range_start; in vain = the page was not freed; refuses = nor was that allowed. row: the last row of the decision table of shrink_folio_list that decided about it.",
      style.width,
    ),
  );
  return lines;
}

function called(row: PinRow): Cell {
  if (row.notified === 0) return { text: "no" };
  if (row.freed) return { text: "yes" };
  return {
    text: `${row.refused > 0 ? "refuses" : "in vain"}${row.notified > 1 ? ` x${row.notified}` : ""}`,
    paint: row.pin === "none" ? "unsure" : "bad",
  };
}
