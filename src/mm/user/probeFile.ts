/**
 * Open files of /dev/mnprobe, the driver that records what an address space is told: as in conformance/real-kernel/module.
 * A file has at most one classic subscriber, some intervals and some pins; all go when the last process closes it.
 */
import { column, columns } from "../../machine/columns.ts";
import type { Handle, Task } from "../../machine/core.ts";
import { EAGAIN } from "../../machine/errno.ts";
import { emit } from "../../machine/events.ts";
import type { Machine } from "../../machine/machine.ts";
import { bool, int, ref, struct } from "../../machine/struct.ts";
import { createPages, FOLL_GET, FOLL_PIN, type Pages, unpinUserPages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import { createIntervalNotifier, mmuIntervalNotifierRemove, mmuIntervalSetSeq } from "../mmuIntervalNotifier.ts";
import {
  createNotifier,
  type IntervalNotifier,
  type IntervalNotifierOps,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierUnregister,
  rangeBlockable,
  rangeEvent,
} from "../mmuNotifier.ts";
import type { Pfn, Vpn } from "../page.ts";
import type { UserSpace } from "./space.ts";

/** Flags of `register` and `interval`. */
export const REFUSE = 1;
export const YOUNG = 2;
export const NORANGE = 4;

export const PIN_GET = 4;

export const MAX_FILES = 6;
export const MAX_INTERVALS = 16;
export const MAX_PINS = 16;
export const MAX_PINNED = 512;

const own = "the mutex of the file: its callers do not race";

export interface ProbeFile extends Handle {
  readonly number: number;
  /** Processes that have it open. */
  refs: number;
  flags: number;
  /** Which of its subscribers is registered; null = none. */
  sub: MmuNotifier | null;
  readonly subs: { readonly full: MmuNotifier; readonly noRange: MmuNotifier; readonly refuse: MmuNotifier };
  readonly intervals: readonly ProbeInterval[];
}
const fileStruct = struct("probeFile", {
  refs: int({ ordered: own }),
  flags: int({ ordered: own }),
  sub: ref<MmuNotifier>({ ordered: own }),
});

export interface ProbeInterval extends Handle {
  readonly number: number;
  flags: number;
  used: boolean;
  readonly sub: IntervalNotifier;
}
const intervalStruct = struct("probeInterval", { flags: int({ ordered: own }), used: bool({ ordered: own }) });

export interface Probe {
  readonly files: readonly ProbeFile[];
  /** Pin i of file f: at f * MAX_PINS + i. `size` 0 = free. */
  readonly pins: ReturnType<typeof createPins>;
  /** Pages of each pin. */
  readonly pages: readonly Pages[];
  /** Result of hmm. */
  readonly pfns: Pages;
}

const createPins = () =>
  columns("probePin", MAX_FILES * MAX_PINS, { size: column({ ordered: own }), flags: column({ ordered: own }) });

/** Set-up. */
export function createProbe(m: Machine, k: Kernel): Probe {
  const files = Array.from({ length: MAX_FILES }, (_, f): ProbeFile => {
    const file = fileStruct.create(`probe${f}`);
    const subs = {
      full: createNotifier(m, `probe${f}.full`, FULL, file),
      noRange: createNotifier(m, `probe${f}.noRange`, NO_RANGE, file),
      refuse: createNotifier(m, `probe${f}.refuse`, REFUSES, file),
    };
    const intervals = Array.from({ length: MAX_INTERVALS }, (_, i): ProbeInterval => {
      const name = `probe${f}.interval${i}`;
      const interval = intervalStruct.create(name);
      const sub = createIntervalNotifier(m, k, name, INTERVAL, interval);
      return Object.assign(interval, { number: f * MAX_INTERVALS + i, sub });
    });
    return Object.assign(file, { number: f, subs, intervals });
  });
  return {
    files,
    pins: createPins(),
    pages: Array.from({ length: MAX_FILES * MAX_PINS }, (_, i) => createPages(`probePages${i}`, MAX_PINNED)),
    pfns: createPages("probePfns", 512),
  };
}

/** Tells the observer which file or interval an event is of; see src/conform/recorder.ts. */
function told(ev: string, sub: MmuNotifier, start: Vpn, end: Vpn, more: Record<string, number>): void {
  emit(`probe:${ev}`, { file: (sub.driver as ProbeFile).number, start, end, ...more });
}

const young = (sub: MmuNotifier): number => (((sub.driver as ProbeFile).flags & YOUNG) !== 0 ? 1 : 0);
const blockable = (flags: number): number => (rangeBlockable(flags) ? 1 : 0);

function* onStart(_k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn, flags: number): Task<number> {
  const refused = !rangeBlockable(flags) && ((sub.driver as ProbeFile).flags & REFUSE) !== 0;
  const ret = refused ? -EAGAIN : 0;
  told("start", sub, start, end, { why: rangeEvent(flags), blockable: blockable(flags), ret });
  return ret;
}
function* onEnd(_k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn, flags: number): Task {
  told("end", sub, start, end, { why: rangeEvent(flags), blockable: blockable(flags) });
}
function* onRange(_k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn): Task {
  told("range", sub, start, end, {});
}
function* onClearFlushYoung(_k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn): Task<number> {
  told("clear_flush_young", sub, start, end, { ret: young(sub) });
  return young(sub);
}
function* onClearYoung(_k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn): Task<number> {
  told("clear_young", sub, start, end, { ret: young(sub) });
  return young(sub);
}
function* onTestYoung(_k: Kernel, sub: MmuNotifier, vpn: Vpn): Task<number> {
  told("test_young", sub, vpn, vpn + 1, { ret: young(sub) });
  return young(sub);
}
function* onChangePte(_k: Kernel, sub: MmuNotifier, vpn: Vpn, _pfn: Pfn, writable: boolean): Task {
  told("change_pte", sub, vpn, vpn + 1, { writable: writable ? 1 : 0 });
}
function* onRelease(_k: Kernel, sub: MmuNotifier): Task {
  emit("probe:release", { file: (sub.driver as ProbeFile).number });
}

const REFUSES: MmuNotifierOps = {
  invalidateRangeStart: onStart,
  clearFlushYoung: onClearFlushYoung,
  clearYoung: onClearYoung,
  testYoung: onTestYoung,
  release: onRelease,
};
const NO_RANGE: MmuNotifierOps = { ...REFUSES, invalidateRangeEnd: onEnd, changePte: onChangePte };
const FULL: MmuNotifierOps = { ...NO_RANGE, invalidateRange: onRange };

function* onInvalidate(
  _k: Kernel,
  sub: IntervalNotifier,
  start: Vpn,
  end: Vpn,
  flags: number,
  seq: number,
): Task<boolean> {
  const interval = sub.driver as ProbeInterval;
  const ok = rangeBlockable(flags) || (interval.flags & REFUSE) === 0;
  if (ok) yield* mmuIntervalSetSeq(sub, seq);
  emit("probe:interval", {
    interval: interval.number,
    start,
    end,
    why: rangeEvent(flags),
    blockable: blockable(flags),
    ok: ok ? 1 : 0,
    curseq: seq,
  });
  return ok;
}
const INTERVAL: IntervalNotifierOps = { invalidate: onInvalidate };

/** fork: the child `to` has the files of `from`. */
export function inheritProbe({ tasks, probe }: UserSpace, from: number, to: number): void {
  tasks.probe[to] = tasks.probe[from];
  tasks.openProbes[to] = tasks.openProbes[tasks.leader[from] - 1];
  for (const file of probe.files) if (isOpen(tasks.openProbes[to], file)) file.refs++;
}

const isOpen = (bits: number, file: ProbeFile): boolean => ((bits >> file.number) & 1) === 1;

/** The process of task `leader` has ended: its files are closed, the oldest first. */
export function* releaseProbes(space: UserSpace, leader: number): Task {
  for (const file of space.probe.files) {
    if (isOpen(space.tasks.openProbes[leader], file)) yield* closeProbe(space, file.number);
  }
}

/** mnp_release, once nobody has the file any more. */
function* closeProbe(space: UserSpace, f: number): Task {
  const file = space.probe.files[f];
  if (--file.refs > 0) return;
  for (let i = 0; i < MAX_PINS; i++) {
    if (space.probe.pins.size[f * MAX_PINS + i] > 0) yield* dropPin(space, f, i, false);
  }
  for (let i = 0; i < MAX_INTERVALS; i++) {
    if (file.intervals[i].used) yield* dropInterval(space, file.intervals[i]);
  }
  if (file.sub) yield* dropSubscriber(space, file);
}

/** unregister_sub. */
export function* dropSubscriber({ k }: UserSpace, file: ProbeFile): Task {
  yield* mmuNotifierUnregister(k, file.sub as MmuNotifier);
  file.sub = null;
}

export function* dropInterval({ k }: UserSpace, interval: ProbeInterval): Task {
  yield* mmuIntervalNotifierRemove(k, interval.sub);
  interval.used = false;
}

/** do_unpin. */
export function* dropPin({ k, probe }: UserSpace, f: number, i: number, dirty: boolean): Task {
  const slot = f * MAX_PINS + i;
  const n = probe.pins.size[slot];
  const flag = (probe.pins.flags[slot] & PIN_GET) !== 0 ? FOLL_GET : FOLL_PIN;
  yield* unpinUserPages(k, probe.pages[slot], n, flag, dirty);
  emit("probe:unpin", { n, dirty: dirty ? 1 : 0 });
  probe.pins.size[slot] = 0;
}
