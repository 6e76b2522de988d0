/** Pages that go to swap and come back: one process after the other, and against each other in every interleaving. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import { join, spawn, until } from "../machine/wait.ts";
import { checkEveryStep, checkKernel, checkNothingLeft } from "./checks.ts";
import { sysExit } from "./exit.ts";
import { explore } from "./explore.testkit.ts";
import { sysFork } from "./fork.ts";
import { FOLL_PIN, FOLL_WRITE, getUserPagesFast, unpinUserPages } from "./gup.ts";
import { createKernel, type Kernel, type KernelOptions } from "./kernel.ts";
import { MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_WILLNEED, sysMadvise } from "./madvise.ts";
import { userRead, userWrite } from "./memory.ts";
import { sysMovePages } from "./mempolicy.ts";
import { sysMmap, sysMunmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { startSwapDevice } from "./pageIo.ts";
import { pteAt, ptePfn, ptePresent } from "./pageTable.ts";
import { pageoutFrame } from "./reclaim.testkit.ts";
import { type PresetName, rules } from "./rules.ts";
import { snapPage } from "./snapshot.ts";
import { lruAddDrain } from "./swap.ts";
import { getNrSwapPages } from "./swapfile.ts";
import { sysSwapoff } from "./swapoff.ts";

type Act = (k: Kernel, p: Process) => Task;
const RW = PROT_READ | PROT_WRITE;
const AT = 64;
const said: (string | number)[] = [];
const say = (...words: (string | number)[]): void => {
  said.push(...words);
};
const sayPage = (k: Kernel, p: Process, at = AT): void => {
  const { state, bits } = snapPage(k, p.mm as Mm, at);
  say(`${state} ${bits}`.trim());
};

const SMALL: KernelOptions = {
  frames: 10,
  nodes: 1,
  tableShift: 3,
  windowShift: 6,
  tables: 12,
  mms: 2,
  processes: 2,
  vmas: 4,
  inodes: 1,
  files: 1,
  filePages: 4,
  gathers: 2,
  gatherPages: 4,
  seqMask: 15,
  swapPages: 5,
  pageCluster: 0,
};

/** Runs `body` with page AT mapped as told, and exits; all rules hold, and nothing is left. */
function run(
  body: Act,
  options: KernelOptions = {},
  preset: PresetName = "linux-6.1",
  flags = MAP_PRIVATE,
): typeof said {
  said.length = 0;
  let kernel: Kernel | null = null;
  const m = buildSequential((machine: Machine) => {
    const k = createKernel(machine, { ...SMALL, ...options, rules: rules(preset) });
    kernel = k;
    if (k.swap.slow) startSwapDevice(machine, k);
    machine.keep(body);
    machine.spawn("test", main, [k, createProcess(k), body, flags]);
  });
  expect(runSequentially(m)).toBeNull();
  expect(checkNothingLeft(kernel as unknown as Kernel)).toBeNull();
  return [...said];
}

function* main(k: Kernel, p: Process, body: Act, flags: number): Task {
  yield* sysMmap(k, p, AT, 4, RW, MAP_ANONYMOUS | flags, null, 0);
  yield* body(k, p);
  const broken = checkKernel(k);
  if (broken !== null) say(broken);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

/** Pages AT … AT + n - 1 go to swap, if nobody holds them. */
function* out(k: Kernel, p: Process, n = 1): Task {
  yield* lruAddDrain(k);
  for (let i = 0; i < n; i++) {
    const pte = pteAt(k, p.mm as Mm, AT + i);
    if (ptePresent(pte)) yield* pageoutFrame(k, ptePfn(pte));
  }
}

function* outAndIn(k: Kernel, p: Process): Task {
  yield* userWrite(k, p, AT, 7);
  yield* out(k, p);
  sayPage(k, p);
  say(k.state.pagesInUse, getNrSwapPages(k));
  say(yield* userRead(k, p, AT));
  sayPage(k, p);
  say(k.state.pagesInUse, getNrSwapPages(k));
}
test("out and in: from zram without the swap cache, from a slow device through it", () => {
  expect(run(outAndIn)).toEqual(["swap se", 0, 3, 7, "pte as", 1, 4]);
  // The slot is kept until somebody writes.
  expect(run(outAndIn, { swapSlow: true })).toEqual(["swap se", 1, 3, 7, "pte as", 1, 3]);
});

function* writesAfterwards(k: Kernel, p: Process): Task {
  yield* outAndIn(k, p);
  said.length = 0;
  yield* userWrite(k, p, AT, 8);
  sayPage(k, p);
  yield* out(k, p);
  say(yield* userRead(k, p, AT));
}
test("a write to a page that came back is not lost, whatever the disk has", () => {
  expect(run(writesAfterwards)).toEqual(["pte wdas", 8]);
  expect(run(writesAfterwards, { swapSlow: true })).toEqual(["pte wdas", 8]);
});

function* forked(k: Kernel, p: Process): Task {
  yield* userWrite(k, p, AT, 7);
  yield* out(k, p);
  const child = (yield* sysFork(k, p)) as Process;
  sayPage(k, p);
  yield* userWrite(k, child, AT, 8);
  sayPage(k, p);
  sayPage(k, child);
  say(yield* userRead(k, p, AT), yield* userRead(k, child, AT));
  yield* sysExit(k, child);
  yield* userWrite(k, p, AT, 9);
  say(yield* userRead(k, p, AT));
}
test("fork shares the slot; each gets a page of his own when he writes", () => {
  for (const preset of ["linux-5.7", "linux-5.11", "linux-6.1"] as const) {
    const got = run(forked, {}, preset);
    expect(got.slice(1)).toEqual(["swap s", "pte wdas", 7, 8, 9]);
  }
});

function* dropped(k: Kernel, p: Process): Task {
  for (let i = 0; i < 3; i++) yield* userWrite(k, p, AT + i, 1 + i);
  yield* out(k, p, 3);
  say(getNrSwapPages(k));
  yield* sysMadvise(k, p, AT, 1, MADV_DONTNEED);
  yield* sysMadvise(k, p, AT + 1, 1, MADV_FREE);
  yield* sysMunmap(k, p, AT + 2, 1);
  say(getNrSwapPages(k), yield* userRead(k, p, AT), yield* userRead(k, p, AT + 1));
}
test("entries that are thrown away free their slots", () => {
  expect(run(dropped)).toEqual([1, 4, 0, 0]);
});

function* willneed(k: Kernel, p: Process): Task {
  yield* userWrite(k, p, AT, 7);
  yield* out(k, p);
  yield* sysMadvise(k, p, AT, 4, MADV_WILLNEED);
  sayPage(k, p);
  say(k.state.pagesInUse, yield* userRead(k, p, AT), k.stat.global.pgmajfault);
}
test("WILLNEED fills the swap cache; the fault is a minor one then", () => {
  expect(run(willneed)).toEqual(["swap se", 1, 7, 0]);
});

function* isFull(k: Kernel, p: Process): Task {
  for (let i = 0; i < 4; i++) yield* userWrite(k, p, AT + i, 1 + i);
  yield* out(k, p, 4);
  for (let i = 0; i < 4; i++) sayPage(k, p, AT + i);
}
test("what has no place in swap stays", () => {
  expect(run(isFull, { swapPages: 3 })).toEqual(["swap se", "swap se", "pte wdas", "pte wdas"]);
});

function* shared(k: Kernel, p: Process): Task {
  yield* userWrite(k, p, AT, 7);
  yield* userWrite(k, p, AT + 1, 8);
  yield* out(k, p, 2);
  sayPage(k, p);
  say(k.state.pagesInUse, getNrSwapPages(k));
  say(yield* userRead(k, p, AT), getNrSwapPages(k), k.inodes[0].nrpages, k.inodes[0].swapped);
  yield* sysMadvise(k, p, AT, 2, MADV_REMOVE);
  say(getNrSwapPages(k), k.inodes[0].nrpages, k.inodes[0].swapped, yield* userRead(k, p, AT + 1));
}
test("shared memory: entries in the page cache, read back, truncated", () => {
  expect(run(shared, {}, "linux-6.1", MAP_SHARED)).toEqual(["none", 0, 2, 7, 3, 1, 1, 4, 0, 0, 0]);
  expect(run(shared, { swapSlow: true }, "linux-6.1", MAP_SHARED).slice(3)).toEqual([7, 3, 1, 1, 4, 0, 0, 0]);
});

/** Once the device is done, what is in the swap cache only goes too. */
function* dropCache(k: Kernel): Task {
  yield* until(() => k.swap.state.requests === 0);
  yield* lruAddDrain(k);
  for (let slot = 1; slot < k.swap.pages; slot++) {
    const pfn = k.swap.slots.cache[slot] - 1;
    if (pfn >= 0) yield* pageoutFrame(k, pfn);
  }
}
function* readsAround(k: Kernel, p: Process): Task {
  for (let i = 0; i < 4; i++) yield* userWrite(k, p, AT + i, 1 + i);
  yield* out(k, p, 4);
  yield* dropCache(k);
  yield* userRead(k, p, AT + 1);
  say(k.stat.global.swap_ra, k.stat.global.pswpin);
  yield* userRead(k, p, AT + 2);
  say(k.stat.global.swap_ra_hit, k.stat.global.pgmajfault);
}
test("a slow device reads the neighbours in one go", () => {
  expect(run(readsAround, { swapSlow: true, pageCluster: 3 })).toEqual([3, 4, 1, 1]);
});

function* moved(k: Kernel, p: Process): Task {
  yield* userWrite(k, p, AT, 7);
  yield* out(k, p);
  yield* userRead(k, p, AT);
  say(yield* sysMovePages(k, p, AT, 1, 1, 2));
  say(yield* userRead(k, p, AT));
  yield* out(k, p);
  say(yield* userRead(k, p, AT));
}
test("a page in the swap cache can be moved to another node", () => {
  expect(run(moved, { swapSlow: true, nodes: 2, frames: 20 })).toEqual([0, 7, 7]);
});

function* off(k: Kernel, p: Process): Task {
  yield* userWrite(k, p, AT, 7);
  yield* userWrite(k, p, AT + 1, 8);
  yield* out(k, p, 2);
  say(yield* sysSwapoff(k), yield* sysSwapoff(k), k.swap.slots.map.every((n) => n === 0) ? 1 : 0);
  yield* out(k, p, 2);
  sayPage(k, p);
  say(yield* userRead(k, p, AT), yield* userRead(k, p, AT + 1));
}
test("swapoff brings everything back, and nothing goes out any more", () => {
  expect(run(off)).toEqual([0, -22, 1, "pte as", 7, 8]);
  expect(run(off, { swapSlow: true }).slice(0, 3)).toEqual([0, -22, 1]);
  expect(run(off, {}, "linux-6.1", MAP_SHARED).slice(0, 3)).toEqual([0, -22, 1]);
});

/* In every interleaving. */

function* twice(k: Kernel, p: Process, a: Act, b: Act): Task {
  yield* sysMmap(k, p, AT, 1, RW, MAP_ANONYMOUS | MAP_PRIVATE, null, 0);
  yield* userWrite(k, p, AT, 7);
  yield* lruAddDrain(k);
  const one = spawn(a, k, p);
  const two = spawn(b, k, p);
  yield* join(one);
  yield* join(two);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function race(a: Act, b: Act, options: KernelOptions = {}) {
  const result = explore((m) => {
    const k = createKernel(m, { ...SMALL, frames: 6, swapPages: 3, ...options });
    checkEveryStep(m, k);
    m.atEnd("nothing is left", () => checkNothingLeft(k) ?? true);
    if (k.swap.slow) startSwapDevice(m, k);
    const p = createProcess(k);
    for (const f of [a, b]) m.keep(f);
    m.spawn("main", twice, [k, p, a, b], { children: 2 });
  });
  return [result.verdict, result.message, ...result.steps].filter((line) => line !== "").join("\n");
}

function* pagesOut(k: Kernel, p: Process): Task {
  const pte = pteAt(k, p.mm as Mm, AT);
  if (ptePresent(pte)) yield* pageoutFrame(k, ptePfn(pte));
}
function* reads(k: Kernel, p: Process): Task {
  const got = yield* userRead(k, p, AT);
  if (got !== 7) throw new Error(`read ${got}`);
}
function* writes(k: Kernel, p: Process): Task {
  yield* userWrite(k, p, AT, 8);
  const got = yield* userRead(k, p, AT);
  if (got !== 8) throw new Error(`read ${got} after a write`);
}
function* unmaps(k: Kernel, p: Process): Task {
  yield* sysMunmap(k, p, AT, 1);
}
function* forks(k: Kernel, p: Process): Task {
  const child = yield* sysFork(k, p);
  if (typeof child !== "number") yield* sysExit(k, child);
}
function* pins(k: Kernel, p: Process): Task {
  const got = yield* getUserPagesFast(k, p.mm as Mm, AT, 1, FOLL_PIN | FOLL_WRITE, k.scratch);
  if (got !== 1) return;
  k.frames.content[k.scratch.pfn[0]] = 9;
  yield* unpinUserPages(k, k.scratch, 1, FOLL_PIN, true);
  const seen = yield* userRead(k, p, AT);
  if (seen !== 9) throw new Error(`the CPU reads ${seen}, the device has written 9`);
}
/** Out, and then in again by two at once. */
function* outThenReads(k: Kernel, p: Process): Task {
  yield* pagesOut(k, p);
  yield* reads(k, p);
}

test.each([
  ["a load", reads],
  ["a store", writes],
  ["munmap", unmaps],
  ["fork", forks],
  ["a pin through which a device writes", pins],
  ["another reclaim and load", outThenReads],
] as const)("reclaim against %s", (_name, act) => {
  expect(race(act === reads ? outThenReads : pagesOut, act)).toBe("ok");
});

/** Begins with the page in the only slot, which is used again. */
function* writesAndGoesOut(k: Kernel, p: Process): Task {
  yield* pagesOut(k, p);
  yield* userWrite(k, p, AT, 8);
  yield* lruAddDrain(k);
  yield* pagesOut(k, p);
  const got = yield* userRead(k, p, AT);
  if (got !== 8) throw new Error(`read ${got} after a write`);
}
function* onlyReads(k: Kernel, p: Process): Task {
  yield* userRead(k, p, AT);
}
test("two faults on one slot, which is used again meanwhile: the slow one must not bring back what was there", () => {
  const one = { swapPages: 2 };
  expect(race(writesAndGoesOut, onlyReads, one)).toBe("ok");
  const without = rules("linux-6.1", { without: ["swapinPrepare"] });
  expect(race(writesAndGoesOut, onlyReads, { ...one, rules: without })).toMatch(/read 0 after a write/);
});

test.each([
  ["a load", reads],
  ["a store", writes],
  ["munmap", unmaps],
  ["fork", forks],
  ["a pin through which a device writes", pins],
] as const)("a slow device: reclaim against %s", (_name, act) => {
  expect(race(act === reads ? outThenReads : pagesOut, act, { swapSlow: true })).toBe("ok");
});
