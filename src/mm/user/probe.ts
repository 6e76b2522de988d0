/** What a workload asks of /dev/mnprobe, on its own behalf: subscribe, pin, look. Marks and snapshots go to the observer. */
import { readOnce } from "../../machine/cell.ts";
import { current, type Task } from "../../machine/core.ts";
import { EBUSY, EINTR, EINVAL, ENOSPC } from "../../machine/errno.ts";
import { emit } from "../../machine/events.ts";
import { fatalSignalPending } from "../../machine/killable.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import { FOLL_GET, FOLL_LONGTERM, FOLL_PIN, FOLL_WRITE, getUserPagesFast } from "../gup.ts";
import type { Mm } from "../mmTypes.ts";
import { mmuIntervalNotifierInsert, mmuIntervalReadBegin, mmuIntervalReadRetry } from "../mmuIntervalNotifier.ts";
import { type MmuNotifier, mmuNotifierRegister } from "../mmuNotifier.ts";
import type { Vpn } from "../page.ts";
import { snapFrame, snapPage } from "../snapshot.ts";
import {
  dropInterval,
  dropPin,
  dropSubscriber,
  MAX_INTERVALS,
  MAX_PINNED,
  MAX_PINS,
  NORANGE,
  PIN_GET,
  type ProbeFile,
  REFUSE,
} from "./probeFile.ts";
import { clearErrno } from "./program.ts";
import { kernelCalls, self, userSpace } from "./space.ts";
import { HMM_REQ_FAULT, HMM_REQ_WRITE } from "./types.ts";

export { NORANGE, PIN_GET, REFUSE, YOUNG } from "./probeFile.ts";
/** Flags of `pin`. */
export const PIN_WRITE = 1;
export const PIN_LONGTERM = 2;
/** How `hmm` faults: for reading, for writing, not at all. */
export const HMM_READ = 0;
export const HMM_FOR_WRITE = 1;
export const HMM_NO_FAULT = 2;

const mine = (): ProbeFile => userSpace().probe.files[userSpace().tasks.probe[current] - 1];
const mm = (): Mm => self().mm as Mm;

/** open("/dev/mnprobe"): from now on the calls of this process go to a file of its own. */
export function* openProbe(): Task {
  if (fatalSignalPending()) return;
  const { probe, tasks } = userSpace();
  const free = probe.files.find((f) => f.refs === 0) as ProbeFile;
  free.refs = 1;
  tasks.openProbes[tasks.leader[current] - 1] |= 1 << free.number;
  tasks.probe[current] = free.number + 1;
}

/** A line of the log, with a number. */
export function mark(label: string, ret: number): void {
  if (fatalSignalPending()) return;
  emit("probe:mark", { label, ret });
}
/** Before a call: logs "> label", and clears errno. */
export function begin(label: string): Task {
  if (!fatalSignalPending()) emit("probe:begin", { label });
  return clearErrno();
}
/** After it: logs "< label" with what it returned … */
export function result(ret: number): void {
  if (fatalSignalPending()) return;
  emit("probe:result", { ret });
}
/** … or, where the call returns an address or the like, with 0 unless it failed. */
export function done(ret: number): void {
  result(Math.min(ret, 0));
}

/** The page-table entries of `n` pages and what is behind them. */
export function snap(label: string, at: Vpn, n: number): Task {
  emit("probe:label", { label });
  return snapPages(at, n);
}
function* snapPages(at: Vpn, n: number): Task {
  if (fatalSignalPending()) return;
  yield* downRead(mm().mmapLock);
  for (let i = 0; i < n; i++) {
    const { state, bits, pfn, refs, maps, flags } = snapPage(userSpace().k, mm(), at + i);
    emit("probe:page", { at: at + i, state, bits, pfn, refs, maps, flags: flags.join(",") });
  }
  yield* upRead(mm().mmapLock);
}

/** Subscribes to what happens to the own address space. 0 or -errno. */
export function register(tag: string, flags: number): Task<number> {
  emit("probe:label", { label: tag });
  return registerWith(flags);
}
function* registerWith(flags: number): Task<number> {
  if (fatalSignalPending()) return -EINTR;
  const file = mine();
  if (file.sub) return failed(-EBUSY);
  const sub = subscriberFor(file, flags);
  file.flags = flags;
  const error = yield* mmuNotifierRegister(userSpace().k, sub, mm());
  if (error !== 0) return failed(error);
  file.sub = sub;
  emit("probe:register", { file: file.number, flags });
  return 0;
}

function failed(error: number): number {
  mark("register failed", error);
  return error;
}

function subscriberFor(file: ProbeFile, flags: number): MmuNotifier {
  if ((flags & REFUSE) !== 0) return file.subs.refuse;
  return (flags & NORANGE) !== 0 ? file.subs.noRange : file.subs.full;
}

export function* unregister(): Task<number> {
  if (fatalSignalPending()) return -EINTR;
  const file = mine();
  if (!file.sub) return -EINVAL;
  emit("probe:unregister", { file: file.number });
  yield* dropSubscriber(userSpace(), file);
  return 0;
}

/** An interval subscriber of `n` pages: its number, or -errno. */
export function interval(tag: string, at: Vpn, n: number, flags: number): Task<number> {
  emit("probe:label", { label: tag });
  return insertInterval(at, n, flags);
}
function* insertInterval(at: Vpn, n: number, flags: number): Task<number> {
  if (fatalSignalPending()) return -EINTR;
  const file = mine();
  const i = file.intervals.findIndex((each) => !each.used);
  if (i < 0) return -ENOSPC;
  const each = file.intervals[i];
  each.flags = flags;
  const error = yield* mmuIntervalNotifierInsert(userSpace().k, each.sub, mm(), at, n);
  if (error !== 0) return error;
  each.used = true;
  const curseq = yield* readOnce(each.sub.invalidateSeq);
  emit("probe:interval_add", { interval: each.number, start: at, end: at + n, curseq });
  return i;
}
export function* intervalRemove(i: number): Task<number> {
  if (fatalSignalPending()) return -EINTR;
  const each = mine().intervals[i];
  if (i >= MAX_INTERVALS || !each.used) return -EINVAL;
  yield* dropInterval(userSpace(), each);
  return 0;
}

/** Pins `n` pages: number of the pin, or -1. */
export function* pin(at: Vpn, n: number, flags: number): Task<number> {
  if (fatalSignalPending()) return -1;
  const { k, probe } = userSpace();
  const file = mine();
  const i = freePin(file.number);
  if (i < 0 || n > MAX_PINNED) return -1;
  const slot = file.number * MAX_PINS + i;
  const foll = ((flags & PIN_WRITE) !== 0 ? FOLL_WRITE : 0) | ((flags & PIN_LONGTERM) !== 0 ? FOLL_LONGTERM : 0);
  const how = foll | ((flags & PIN_GET) !== 0 ? FOLL_GET : FOLL_PIN);
  const got = yield* getUserPagesFast(k, mm(), at, n, how, probe.pages[slot]);
  emit("probe:pin", { start: at, end: at + n, flags, got });
  if (got <= 0) return -1;
  probe.pins.size[slot] = got;
  probe.pins.flags[slot] = flags;
  for (let j = 0; j < got && j < 8; j++) {
    const frame = snapFrame(k, probe.pages[slot].pfn[j]);
    const { pfn, refs, maps } = frame;
    emit("probe:pinned", { at: at + j, pfn, refs, maps, flags: frame.flags.join(",") });
  }
  return i;
}

function freePin(f: number): number {
  const { size } = userSpace().probe.pins;
  for (let i = 0; i < MAX_PINS; i++) if (size[f * MAX_PINS + i] === 0) return i;
  return -1;
}

export function* unpin(i: number, dirty: boolean): Task<number> {
  if (fatalSignalPending()) return -EINTR;
  const file = mine();
  if (i < 0 || userSpace().probe.pins.size[file.number * MAX_PINS + i] === 0) return -EINVAL;
  yield* dropPin(userSpace(), file.number, i, dirty);
  return 0;
}

/** What the device finds in page `idx` of pin `i`. It needs no page table, so it is no scheduling point of the mm. */
export function* dmaRead(i: number, idx: number): Task<number> {
  const at = pinnedPage(i, idx);
  if (at < 0) return 0;
  const value = userSpace().k.frames.content[at];
  emit("probe:dma", { write: 0, val: value });
  return value;
}
export function* dmaWrite(i: number, idx: number, value: number): Task {
  const at = pinnedPage(i, idx);
  if (at < 0) return;
  userSpace().k.frames.content[at] = value;
  emit("probe:dma", { write: 1, val: value });
}
function pinnedPage(i: number, idx: number): number {
  if (fatalSignalPending()) return -1;
  const { probe } = userSpace();
  const slot = mine().number * MAX_PINS + i;
  return i < 0 || idx >= probe.pins.size[slot] ? -1 : probe.pages[slot].pfn[idx];
}

const MAX_TRIES = 100;

/** hmm_range_fault of `n` pages under interval `i`, again while it collides: 0 or -errno. `how`: HMM_READ … */
export function* hmm(i: number, at: Vpn, n: number, how: number): Task<number> {
  if (fatalSignalPending()) return -EINTR;
  const { k, probe } = userSpace();
  const each = mine().intervals[i];
  const request = how === HMM_NO_FAULT ? 0 : HMM_REQ_FAULT | (how === HMM_FOR_WRITE ? HMM_REQ_WRITE : 0);
  let ret = -EBUSY;
  let seq = 0;
  for (let tries = 0; ret === -EBUSY && tries < MAX_TRIES; tries++) {
    seq = yield* mmuIntervalReadBegin(each.sub);
    yield* downRead(mm().mmapLock);
    ret = yield* kernelCalls().hmmRangeFault(k, mm(), each.sub, seq, at, at + n, request, probe.pfns);
    yield* upRead(mm().mmapLock);
    if (ret === 0 && (yield* mmuIntervalReadRetry(each.sub, seq))) ret = -EBUSY;
  }
  emit("probe:hmm", { interval: each.number, start: at, end: at + n, ret, curseq: seq });
  for (let j = 0; ret === 0 && j < n && j < 16; j++) {
    emit("probe:hmmPfn", { at: at + j, entry: probe.pfns.pfn[j] });
  }
  return ret;
}

/** What became of page `i` of the last movePages. */
export const movePagesStatus = (i: number): number => kernelCalls().movePageStatus(userSpace().k, i);
