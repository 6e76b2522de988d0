/**
 * Random sequences of system calls by up to three processes, against a naive oracle of what memory contains: a map from
 * page to content for each process, with shared objects by reference. The model must agree at every read, keep all rules
 * after every call, and have nothing left at the end.
 */
import type { Task } from "../machine/core.ts";
import { activeMachine } from "../machine/machine.ts";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import { checkKernel, checkNothingLeft } from "./checks.ts";
import { sysExit } from "./exit.ts";
import { sysFork } from "./fork.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "./gup.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { MADV_COLD, MADV_DONTNEED, MADV_FREE, MADV_POPULATE_READ, sysMadvise } from "./madvise.ts";
import { userRead, userWrite } from "./memory.ts";
import { sysMigratePages, sysMovePages } from "./mempolicy.ts";
import { sysMlock, sysMunlock } from "./mlock.ts";
import { sysMmap, sysMunmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, type Mm, type Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { sysMprotect } from "./mprotect.ts";
import { sysMremap } from "./mremap.ts";
import { lruAddDrain } from "./swap.ts";
import { clearRefs } from "./taskMmu.ts";

const PAGES = 24;
const READ = 1;
const WRITE = 2;

/** What the oracle knows about a page of a process. */
interface Place {
  /** Content; shared pages are one object for all. */
  cell: { value: number };
  shared: boolean;
  prot: number;
  locked: boolean;
}
type Memory = Map<number, Place>;

interface World {
  readonly k: Kernel;
  readonly random: (n: number) => number;
  readonly processes: { process: Process; memory: Memory; base: number }[];
  readonly pages: Pages;
  readonly log: string[];
  pin: { memory: Memory; at: number; cell: { value: number } } | null;
}

/** The run that is going on; tests run one after the other. */
const box: { world: World | null } = { world: null };
const w = (): World => box.world as World;

/** mulberry32. */
function generator(seed: number): (n: number) => number {
  let a = seed | 0;
  return (n) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

/** Runs `calls` random calls. Null = all is well, else what went wrong, after which calls. */
export function randomRun(seed: number, calls: number): string | null {
  const m = buildSequential((machine) => {
    const k = createKernel(machine, {
      frames: 512,
      tables: 64,
      tableShift: 4,
      windowShift: 10,
      vmas: 256,
      mms: 4,
      processes: 4,
      inodes: 40,
      filePages: 32,
      gatherPages: 6,
      watchPtes: true,
    });
    const process = createProcess(k);
    box.world = {
      k,
      random: generator(seed),
      processes: [{ process, memory: new Map(), base: 1 << k.windowShift }],
      pages: createPages("pages", 1),
      log: [],
      pin: null,
    };
    machine.keep(w().pages);
    machine.keep(w().processes[0].memory);
    machine.spawn("driver", drive, [calls]);
  });
  try {
    const finding = runSequentially(m);
    return finding === null ? null : `${finding.message}\n${w().log.join("\n")}`;
  } catch (e) {
    return `${e instanceof Error ? e.message : String(e)}\n${w().log.join("\n")}`;
  }
}

function fail(what: string): never {
  throw new Error(what);
}

function* drive(calls: number): Task {
  for (let i = 0; i < calls; i++) {
    yield* oneCall();
    const broken = checkKernel(w().k);
    if (broken !== null) fail(broken);
  }
  if (w().pin !== null) yield* unpin();
  while (w().processes.length > 0) yield* sysExit(w().k, takeLast());
  yield* lruAddDrain(w().k);
  const left = checkNothingLeft(w().k);
  if (left !== null) fail(left);
}

const takeLast = (): Process => (w().processes.pop() as World["processes"][number]).process;
const r = (n: number): number => w().random(n);
const who = (i: number) => w().processes[i];
const note = (text: string): void => {
  w().log.push(text);
};

function* oneCall(): Task {
  const i = r(w().processes.length);
  const { process, base } = who(i);
  const from = r(PAGES);
  const n = 1 + r(6);
  const at = base + from;
  const what = r(22);
  if (what < 4) yield* write(i, at);
  else if (what < 7) yield* read(i, at);
  else if (what < 10) yield* map(i, at, n, r(4) === 0);
  else if (what === 10) yield* unmap(i, at, n);
  else if (what === 11) yield* protect(i, at, n, r(3) === 0 ? READ : READ | WRITE);
  else if (what === 12) yield* advise(i, at, n, MADV_DONTNEED);
  else if (what === 13) yield* move(i, at, n, base + PAGES + r(PAGES));
  else if (what === 14) yield* fork(i);
  else if (what === 15) yield* exit(i);
  else if (what === 16) yield* pinOrUnpin(i, at);
  else if (what === 17) yield* migrate(i, at, n);
  else if (what === 18) yield* lockPages(i, at, n, r(2) === 0);
  else if (what === 19) {
    note(`${i} clear_refs`);
    yield* clearRefs(w().k, process, process.mm as Mm, 1 + r(4));
  } else if (what === 20) yield* advise(i, at, n, r(2) === 0 ? MADV_COLD : MADV_POPULATE_READ);
  else {
    yield* advise(i, at, n, MADV_FREE);
  }
}

function* write(i: number, at: number): Task {
  const { memory, process } = who(i);
  const value = 1 + r(1 << 20);
  note(`${i} write ${at} ${value}`);
  const ret = yield* userWrite(w().k, process, at, value);
  const place = memory.get(at);
  const may = place !== undefined && (place.prot & WRITE) !== 0;
  if ((ret === 0) !== may) fail(`write to ${at}: ${ret}`);
  if (may) (memory.get(at) as Place).cell.value = value;
}

function* read(i: number, at: number): Task {
  const { memory, process } = who(i);
  note(`${i} read ${at}`);
  const got = yield* userRead(w().k, process, at);
  const place = memory.get(at);
  const expected = place === undefined ? -14 : place.cell.value;
  if (got !== expected) fail(`page ${at} has ${got} instead of ${expected}`);
}

function* map(i: number, at: number, n: number, shared: boolean): Task {
  const { memory, process } = who(i);
  note(`${i} mmap ${at} ${n} ${shared ? "shared" : "private"}`);
  const flags = MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE);
  const ret = yield* sysMmap(w().k, process, at, n, READ | WRITE, flags, null, 0);
  if (ret !== at) {
    if (ret === -12) return forget(memory, at, n);
    fail(`mmap: ${ret}`);
  }
  for (let j = 0; j < n; j++) {
    memory.set(at + j, { cell: { value: 0 }, shared, prot: READ | WRITE, locked: false });
  }
}

function forget(memory: Memory, at: number, n: number): void {
  for (let j = 0; j < n; j++) memory.delete(at + j);
}

function* unmap(i: number, at: number, n: number): Task {
  note(`${i} munmap ${at} ${n}`);
  const ret = yield* sysMunmap(w().k, who(i).process, at, n);
  if (ret !== 0) fail(`munmap: ${ret}`);
  forget(who(i).memory, at, n);
}

function* protect(i: number, at: number, n: number, prot: number): Task {
  const { memory, process } = who(i);
  note(`${i} mprotect ${at} ${n} ${prot}`);
  const ret = yield* sysMprotect(w().k, process, at, n, prot);
  const hole = firstHole(memory, at, n);
  if ((ret === 0) !== (hole === n)) fail(`mprotect: ${ret} with ${hole} pages`);
  for (let j = 0; j < hole; j++) (memory.get(at + j) as Place).prot = prot;
}

/** How many pages from `at` on are mapped. */
function firstHole(memory: Memory, at: number, n: number): number {
  let j = 0;
  while (j < n && memory.has(at + j)) j++;
  return j;
}

function* advise(i: number, at: number, n: number, advice: number): Task {
  const { memory, process } = who(i);
  note(`${i} madvise ${at} ${n} ${advice}`);
  const ret = yield* sysMadvise(w().k, process, at, n, advice);
  if (advice !== MADV_DONTNEED) return;
  for (let j = 0; j < n; j++) {
    const place = memory.get(at + j);
    if (place?.locked) {
      if (ret !== -22) fail(`DONTNEED of a locked page: ${ret}`);
      return;
    }
    if (place && !place.shared) place.cell = { value: 0 };
  }
}

function* move(i: number, at: number, n: number, to: number): Task {
  const { memory, process } = who(i);
  const length = firstHole(memory, at, n);
  if (length === 0) return;
  note(`${i} mremap ${at} ${length} ${to}`);
  const ret = yield* sysMremap(w().k, process, at, length, length, 3, to);
  // Ranges over several VMAs are refused, after the target has been unmapped.
  const overlaps = at + length > to && to + length > at;
  if (!overlaps) forget(memory, to, length);
  if (ret === to) {
    for (let j = 0; j < length; j++) {
      memory.set(to + j, memory.get(at + j) as Place);
      memory.delete(at + j);
    }
  } else if (ret !== -14 && ret !== -22) fail(`mremap: ${ret}`);
}

function* fork(i: number): Task {
  if (w().processes.length >= 3) return;
  note(`${i} fork`);
  const parent = who(i);
  const child = yield* sysFork(w().k, parent.process);
  if (typeof child === "number") fail(`fork: ${child}`);
  adopt(i, child as Process);
}

function adopt(i: number, process: Process): void {
  const { base, memory } = who(i);
  const copy: Memory = activeMachine().keep(new Map());
  for (const [at, place] of memory) {
    copy.set(at, { ...place, locked: false, cell: place.shared ? place.cell : { value: place.cell.value } });
  }
  w().processes.push({ process, memory: copy, base });
}

function* exit(i: number): Task {
  if (w().processes.length === 1) return;
  note(`${i} exit`);
  const { process } = who(i);
  w().processes.splice(i, 1);
  yield* sysExit(w().k, process);
}

function* pinOrUnpin(i: number, at: number): Task {
  if (w().pin !== null) {
    yield* unpin();
    return;
  }
  const { memory, process } = who(i);
  note(`${i} pin ${at}`);
  const got = yield* getUserPagesFast(w().k, process.mm as Mm, at, 1, FOLL_PIN | FOLL_WRITE, w().pages);
  const place = memory.get(at);
  if ((got === 1) !== (place !== undefined && (place.prot & WRITE) !== 0)) fail(`pin of ${at}: ${got}`);
  if (got === 1) w().pin = { memory, at, cell: (memory.get(at) as Place).cell };
}

/** The device has written before: whoever still has the page sees it. */
function* unpin(): Task {
  note("device writes, unpin");
  const pin = w().pin as NonNullable<World["pin"]>;
  const value = 1 + r(1 << 20);
  const pfn = w().pages.pfn[0];
  w().k.frames.content[pfn] = value;
  pin.cell.value = value;
  yield* unpinUserPages(w().k, w().pages, 1, FOLL_PIN, true);
  w().pin = null;
}

function* migrate(i: number, at: number, n: number): Task {
  const { process } = who(i);
  note(`${i} migrate ${at} ${n}`);
  if (r(2) === 0) yield* sysMovePages(w().k, process, at, n, r(2), 2);
  else yield* sysMigratePages(w().k, process, r(2), r(2));
}

function* lockPages(i: number, at: number, n: number, on: boolean): Task {
  const { memory, process } = who(i);
  note(`${i} ${on ? "mlock" : "munlock"} ${at} ${n}`);
  if (on) yield* sysMlock(w().k, process, at, n);
  else yield* sysMunlock(w().k, process, at, n);
  const reached = firstHole(memory, at, n);
  for (let j = 0; j < reached; j++) (memory.get(at + j) as Place).locked = on;
}
