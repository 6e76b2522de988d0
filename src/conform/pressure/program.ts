/**
 * The process of a pressure job, as pressure.c is: pins, touches every page once, then makes the accesses. What it touches
 * besides (its statistics) is in the group as well, and is touched in the same order.
 */
import type { Task } from "../../machine/core.ts";
import { GFP_KERNEL } from "../../machine/gfp.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import { userReadResident, userWriteResident } from "../../mm/cpuAccess.ts";
import { O_CREAT } from "../../mm/fs.ts";
import { createPages, FOLL_LONGTERM, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages } from "../../mm/gup.ts";
import type { Kernel } from "../../mm/kernel.ts";
import { CACHE_NODE_BYTES, tryChargeBytes } from "../../mm/kmem.ts";
import { MADV_RANDOM } from "../../mm/madvise.ts";
import { joinMemcg, taskMemcg } from "../../mm/memcontrol.ts";
import { MAP_SHARED, type Mm, type Process } from "../../mm/mmTypes.ts";
import { pteAt, ptePfn, pteReadable, pteWrite } from "../../mm/pageTable.ts";
import { pteAlloc } from "../../mm/pteAlloc.ts";
import { condResched } from "../../mm/throttle.ts";
import {
  A,
  anon,
  B,
  fsync,
  get,
  madvise,
  mmap,
  open,
  PW,
  path,
  set,
  unlink,
  windowAt,
  writePage,
} from "../../mm/user/calls.ts";
import { openProbe, register } from "../../mm/user/probe.ts";
import { self, userSpace } from "../../mm/user/space.ts";
import type { Work } from "./cost.ts";
import type { CpuTlb } from "./cpuTlb.ts";
import type { PressureParams } from "./job.ts";
import { AFTER_STATISTICS, LOOP, mapText, START, STATISTICS, TEXT, TEXT_USES } from "./programText.ts";
import type { Accesses } from "./sequence.ts";

/** Window of the program's own pages: bss, heap, stack, by the page numbers that the recorder's build has. */
const PROGRAM = windowAt(20);
const PROGRAM_PAGES = 0x800;
/** Statistics in the order in which they are written: tables of /proc/vmstat, of memory.stat (with stdio's buffer), rusage. */
const BEFORE = [0x4e9, 0x4ea, 0x4eb, 0x4d8, 0x501, 0x4d9, 0x4d3];
const AFTER_PREFILL = [0x4ee, 0x4ef, 0x4f0, 0x4f1, 0x4de, 0x501, 0x4df];
const RUSAGE = 0x4d3;
const AFTER_RUN = [0x4f4, 0x4f5, 0x4f6, 0x4e3, 0x501, 0x4e4];
/** In the loop: variables, the state of the generator, the stack; then stack, vdso pointer, and the latency array. */
const LOOP_BEFORE = [0x4c6, 0x4f9, 0x7fd];
const LOOP_AFTER = [0x7fd, 0x4c5];
const LOOP_PAGES: ReadonlySet<number> = new Set([...LOOP_BEFORE, ...LOOP_AFTER]);
const LATENCY = windowAt(22);
/** Number of the memory cgroup, if the job has one. */
export const GROUP = 1;
/** Pages that one node of a page cache is for; nodes stay, with what is remembered of evicted pages. */
const CACHE_NODE = 64;
/** Pages that one page table is for. */
const TABLE = 512;

/** When the statistics are read. */
export type Mark = "start" | "prefill" | "accesses" | "end";

/** What a run keeps beside the state of the machine: nothing of it decides what the kernel does, but the TLB of the CPU. */
export interface PressureRun {
  readonly params: PressureParams;
  readonly accesses: Accesses;
  readonly tlb: CpuTlb;
  /** Where pins are noted; they last until the end. */
  readonly pinned: Pages;
  /** Of what was read. */
  sum: number;
  readonly work: Work;
  /** ru_minflt and ru_majflt of getrusage. */
  minflt: number;
  majflt: number;
  mark(at: Mark): void;
  /** A sign of life, now and then. */
  alive(): void;
}

/** Set-up: where pins are noted, one at a time. */
export const noteOfPins = (): Pages => createPages("pressurePins", 1);

/** Accesses between two signs of life. */
const ALIVE_EVERY = 256;

/** Is it a page of the program that the job's group does not pay for, and that is never unmapped? */
export const isMappedByProgram = (vpn: number): boolean => vpn >= LATENCY || LOOP_PAGES.has(vpn - PROGRAM);

/** By the OOM killer: a group in which nothing can be reclaimed. The program gets no further, and prints nothing. */
const isKilled = (): boolean => self().killed;

export function* pressureProgram(r: PressureRun): Task {
  const { params } = r;
  yield* anon(PROGRAM, PROGRAM_PAGES);
  yield* makeTables();
  if (isGlobal(params)) yield* mapText();
  if (params.memcgMaxPages > 0) joinMemcg(self(), GROUP);
  if (params.anon > 0) yield* anon(A, params.anon);
  if (params.file > 0) yield* mapFile(params.file, params.madvRandom ? 1 : 0);
  yield* openProbe();
  if (params.notifier) yield* register("P", params.secondaryYoung ? 2 : 0);
  yield* runText(r, START);
  yield* runText(r, STATISTICS);
  for (let i = 0; i < BEFORE.length; i++) yield* touchProgram(r, BEFORE[i]);
  r.mark("start");
  const pinned = Math.trunc((params.anon * params.pinnedPercent) / 100);
  for (let i = 0; i < pinned && !isKilled(); i++) yield* touch(r, i, 1, i);
  for (let i = 0; i < pinned && !isKilled(); i++) {
    yield* getUserPagesFast(userSpace().k, self().mm as Mm, A + i, 1, FOLL_WRITE | FOLL_PIN | FOLL_LONGTERM, r.pinned);
  }
  const all = params.anon + params.file;
  for (let i = 0; params.prefill && i < all && !isKilled(); i++) {
    if (i % ALIVE_EVERY === 0) r.alive();
    yield* touch(r, i, i < params.anon ? 1 : 0, i);
  }
  if (isKilled()) return;
  yield* runText(r, STATISTICS);
  r.mark("prefill");
  for (let i = 0; i < AFTER_PREFILL.length; i++) yield* touchProgram(r, AFTER_PREFILL[i]);
  r.mark("accesses");
  yield* touchProgram(r, RUSAGE);
  yield* runText(r, AFTER_STATISTICS);
  r.minflt++; // the data page of the vdso, at the first look at the clock: no page of any list
  yield* accessAll(r);
  if (isKilled()) return;
  yield* runText(r, AFTER_STATISTICS);
  yield* runText(r, STATISTICS);
  for (let i = 0; i < AFTER_RUN.length; i++) yield* touchProgram(r, AFTER_RUN[i]);
  r.mark("end");
}

const isGlobal = (params: PressureParams): boolean => params.memcgMaxPages === 0;

/** Instructions are fetched. */
function* runText(r: PressureRun, use: number): Task {
  if (!isGlobal(r.params)) return;
  for (let i = 0; i < TEXT_USES[use].length; i++) yield* access(r, TEXT + TEXT_USES[use][i], 0, 0);
}

function* accessAll(r: PressureRun): Task {
  const { page, write } = r.accesses;
  for (let i = 0; i < page.length && !isKilled(); i++) {
    if (i % ALIVE_EVERY === 0) r.alive();
    for (const own of LOOP_BEFORE) r.tlb.lookup(PROGRAM + own);
    yield* runText(r, LOOP);
    yield* touch(r, page[i], write[i], i);
    for (const own of LOOP_AFTER) r.tlb.lookup(PROGRAM + own);
    r.tlb.lookup(LATENCY + (i >> 10));
    r.work.accesses++;
    // A tick may come at any time.
    yield* condResched();
  }
}

function* touchProgram(r: PressureRun, page: number): Task {
  yield* access(r, PROGRAM + page, 1, 1);
}

function* touch(r: PressureRun, page: number, write: number, value: number): Task {
  const { params } = r;
  yield* access(r, page < params.anon ? A + page : B + page - params.anon, write, value);
}

/** The page tables of the program are older than its membership in the group. */
function* makeTables(): Task {
  const mm = self().mm as Mm;
  yield* downRead(mm.mmapLock);
  for (let page = 0; page < PROGRAM_PAGES; page += TABLE) yield* pteAlloc(userSpace().k, mm, PROGRAM + page);
  yield* upRead(mm.mmapLock);
}

/** The sum is too large to be kept across a wait. */
function* addWord(r: PressureRun, vpn: number): Task {
  const word = yield* get(vpn);
  r.sum += word;
}

/** An access, and whether it was a fault: one that had to read or to be repeated is a major one. */
function* access(r: PressureRun, vpn: number, write: number, value: number): Task {
  if (resident(r, userSpace().k, self(), vpn, write, value)) return;
  const { pgfault, pgmajfault } = userSpace().k.stat.global;
  if (write === 1) yield* set(vpn, value);
  else yield* addWord(r, vpn);
  const counters = userSpace().k.stat.global;
  if (counters.pgmajfault > pgmajfault || counters.pgfault - pgfault > 1) r.majflt++;
  else r.minflt++;
  r.tlb.flush(vpn);
  r.tlb.lookup(vpn);
  // On the way back to user space another task may get the CPU.
  yield* condResched();
}

/** An access that needs no fault. False = it needs one. */
function resident(r: PressureRun, k: Kernel, p: Process, vpn: number, write: number, value: number): boolean {
  const mm = p.mm as Mm;
  const pte = pteAt(k, mm, vpn);
  if (!pteReadable(pte) || (write === 1 && !pteWrite(pte))) return false;
  if (r.tlb.lookup(vpn)) {
    if (write === 1) k.frames.content[ptePfn(pte)] = value;
    else r.sum += k.frames.content[ptePfn(pte)];
  } else if (write === 1) userWriteResident(k, mm, vpn, value);
  else r.sum += userReadResident(k, mm, vpn);
  return true;
}

function* mapFile(n: number, random: number): Task {
  const file = yield* open(path("/mnt/p"), O_CREAT);
  for (let i = 0; i < n; i++) {
    if (i % CACHE_NODE === 0) yield* tryChargeBytes(userSpace().k, taskMemcg(), GFP_KERNEL, CACHE_NODE_BYTES);
    yield* writePage(file, i, 0x66);
  }
  yield* fsync(file);
  yield* mmap(B, n, PW, MAP_SHARED, file, 0);
  if (random === 1) yield* madvise(B, n, MADV_RANDOM);
  yield* unlink(path("/mnt/p"));
}
