/**
 * The question of June 2020 as a table: a page, mapped by a process whose mm has a subscriber, is reclaimed while somebody has a
 * reference to it. Does the subscriber hear of it, and is the page freed? Each cell is a run of this machine.
 *
 *   map ─▶ get_user_pages with FOLL_GET or FOLL_PIN ─▶ reclaim, as an allocation with GFP_KERNEL would do it, a few times
 *
 * The subscriber is a driver that refuses, where it may, while the reference is its own: what MAYFAIL was for.
 */

import type { Handle, Task } from "../../machine/core.ts";
import { unchecked } from "../../machine/core.ts";
import { EAGAIN } from "../../machine/errno.ts";
import { emit, observeEvents } from "../../machine/events.ts";
import { GFP_KERNEL } from "../../machine/gfp.ts";
import type { Machine } from "../../machine/machine.ts";
import { buildSequential, runSequentially } from "../../machine/sequential.ts";
import { int, struct } from "../../machine/struct.ts";
import { createPages, FOLL_GET, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages } from "../gup.ts";
import { createKernel, type Kernel } from "../kernel.ts";
import type { Mm, Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import {
  createNotifier,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierRegister,
  rangeMayFail,
} from "../mmuNotifier.ts";
import { folioMapcount, hasFlag, type Pfn, PG_buddy, PG_swapcache } from "../page.ts";
import { type PresetName, presetNamed, type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { performReclaim } from "../vmscan.ts";
import { EVENTS, type EventName } from "../vmstat.ts";
import { PAGE_KINDS, type PageKind, PINS, type Pin } from "./names.ts";
import { BASE, frameOf, mapPages } from "./pageKinds.ts";

/** The answers that were given over the years: presets, and the check where the series of 2020 was told to put it. */
export function pinRules(): Rules[] {
  const presets: PresetName[] = [
    "linux-5.7",
    "mayfail-as-posted",
    "mayfail-full",
    "skip-pinned-unmap",
    "linux-5.11",
    "linux-6.1",
    "linux-6.4",
  ];
  return [
    ...presets.map((name) => rules(name)),
    { ...rules("linux-6.1", { reclaimPinCheck: "all" }), name: "early-all" },
  ];
}

/** One of them, or any preset; all for null. Raises MF0501 for a name that is none. */
export function pinRulesNamed(name: string | null): Rules[] {
  if (name === null) return pinRules();
  return [pinRules().find((each) => each.name === name) ?? presetNamed(name)];
}

export interface PinRow {
  readonly rules: string;
  readonly page: PageKind;
  readonly pin: Pin;
  /** Calls of invalidate_range_start, and how many were refused. */
  readonly notified: number;
  readonly refused: number;
  /** At the end: do page tables still map it, is it in the swap cache, is the frame free? */
  readonly mapped: boolean;
  readonly inSwapCache: boolean;
  readonly freed: boolean;
  /** Rows of the decision table of shrink_folio_list that decided about it. */
  readonly rows: readonly number[];
  /** Counters of /proc/vmstat that moved, by how much. */
  readonly counters: Readonly<Partial<Record<EventName, number>>>;
}

/** Reclaims before it is given up. The first one finds the page young. */
const RECLAIMS = 4;

interface Experiment extends Handle {
  readonly k: Kernel;
  readonly p: Process;
  readonly kind: PageKind;
  readonly flags: number;
  readonly pages: Pages;
  readonly notifier: MmuNotifier;
  /** The frame, and what became of it. */
  pfn: Pfn;
  mapped: number;
}
const own = { ordered: "one task" };
const experimentStruct = struct("experiment", { pfn: int(own), mapped: int(own) });

const ops: MmuNotifierOps = {
  *invalidateRangeStart(_k, sub, _start, _end, flags): Task<number> {
    const refuses = rangeMayFail(flags) && (sub.driver as Experiment).flags !== 0;
    emit("notifier", { refuses });
    return refuses ? -EAGAIN : 0;
  },
};

function* experiment(e: Experiment): Task {
  const { k, p } = e;
  yield* mmuNotifierRegister(k, e.notifier, p.mm as Mm);
  yield* mapPages(k, p, e.kind, 1, e.pages);
  e.pfn = frameOf(k, p, 0);
  // A page of a file that is to stay clean is not got for writing.
  const write = e.kind === "clean" || e.kind === "private" ? 0 : FOLL_WRITE;
  if (e.flags !== 0) yield* getUserPagesFast(k, p.mm as Mm, BASE, 1, e.flags | write, e.pages);
  yield* lruAddDrain(k);
  emit("begin");
  for (let i = 0; i < RECLAIMS && !hasFlag(k, e.pfn, PG_buddy); i++) yield* performReclaim(k, GFP_KERNEL, 0);
  e.mapped = yield* folioMapcount(k, e.pfn);
}

function createExperiment(m: Machine, kind: PageKind, pin: Pin, underRules: Rules): Experiment {
  const k = createKernel(m, {
    rules: underRules,
    nodes: 1,
    frames: 8,
    swapPages: 512,
    tableShift: 3,
    windowShift: 3,
    tables: 4,
    mms: 1,
    processes: 1,
    vmas: 1,
    inodes: 1,
    files: 1,
    filePages: 2,
    gathers: 1,
    gatherPages: 2,
    reclaimers: 1,
  });
  const e = Object.assign(experimentStruct.create("experiment"), {
    k,
    p: createProcess(k),
    kind: m.keep(kind),
    flags: pin === "none" ? 0 : pin === "get" ? FOLL_GET : FOLL_PIN,
    pages: createPages("pages", 1),
  });
  m.keep(e.pages);
  return Object.assign(e, { notifier: createNotifier(m, "notifier", ops, e) }) as Experiment;
}

/** One cell. */
export function pinRow(kind: PageKind, pin: Pin, underRules: Rules): PinRow {
  const made: Experiment[] = [];
  let notified = 0;
  let refused = 0;
  let rowsBefore: readonly number[] = [];
  let before: Partial<Record<EventName, number>> = {};
  // A task that never waits has done everything when the machine is built.
  const observer = observeEvents(({ name, fields }) => {
    if (name === "begin") {
      const { stat } = (made[0] as Experiment).k;
      before = { ...stat.global };
      rowsBefore = [...stat.rows];
    }
    if (name !== "notifier") return;
    notified++;
    if (fields["refuses"] === true) refused++;
  });
  try {
    const m = buildSequential((machine) => {
      made[0] = createExperiment(machine, kind, pin, underRules);
      machine.spawn("reclaim", experiment, [made[0]]);
    });
    const finding = runSequentially(m);
    if (finding !== null) throw finding;
  } finally {
    observeEvents(observer);
  }
  const e = made[0] as Experiment;
  const { stat } = e.k;
  const moved = EVENTS.filter((event) => stat.global[event] !== before[event]);
  return unchecked(() => ({
    rules: underRules.name,
    page: kind,
    pin,
    notified,
    refused,
    mapped: e.mapped > 0,
    inSwapCache: hasFlag(e.k, e.pfn, PG_swapcache),
    freed: hasFlag(e.k, e.pfn, PG_buddy),
    rows: Object.keys(stat.rows)
      .map(Number)
      .filter((row) => (stat.rows[row] ?? 0) > (rowsBefore[row] ?? 0)),
    counters: Object.fromEntries(moved.map((event) => [event, stat.global[event] - (before[event] ?? 0)])),
  }));
}

/** Kinds that the thread speaks of. */
export const PIN_PAGES: readonly PageKind[] = PAGE_KINDS.slice(0, PAGE_KINDS.indexOf("private"));

/** Rows in the order rules, pages, pins. */
export function pinRows(
  all: readonly Rules[],
  pages: readonly PageKind[] = PIN_PAGES,
  pins: readonly Pin[] = PINS,
): PinRow[] {
  return all.flatMap((each) => pages.flatMap((page) => pins.map((pin) => pinRow(page, pin, each))));
}
