/** Unmapping and aging of single folios, under the rules of several kernels. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import type { Machine } from "../machine/machine.ts";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import { folioReferenced, referencedPtes } from "./folioReferenced.ts";
import { FOLL_PIN, FOLL_WRITE, getUserPagesFast, unpinUserPages } from "./gup.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { MADV_FREE, sysMadvise } from "./madvise.ts";
import { userWrite } from "./memory.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, type Mm, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { createNotifier, type MmuNotifier, mmuNotifierRegister, RANGE_MAYFAIL } from "./mmuNotifier.ts";
import { folioLockWord } from "./page.ts";
import { swapWritepage } from "./pageIo.ts";
import { pteAt, ptePfn } from "./pageTable.ts";
import { type PresetName, rules } from "./rules.ts";
import { snapPage } from "./snapshot.ts";
import { addToSwap } from "./swapState.ts";
import { tryToUnmap } from "./tryToUnmap.ts";

const AT = 1 << 20;
const heard: string[] = [];
const EAGAIN = -11;

/** Answers EAGAIN to ranges that may fail. */
const ops = {
  *invalidateRangeStart(_k: Kernel, _sub: MmuNotifier, _start: number, _end: number, flags: number): Task<number> {
    heard.push("start");
    return (flags & RANGE_MAYFAIL) !== 0 ? EAGAIN : 0;
  },
  *invalidateRangeEnd(): Task {
    heard.push("end");
  },
  *clearFlushYoung(): Task<number> {
    heard.push("young");
    return 0;
  },
};

type Body = (k: Kernel, p: Process, sub: MmuNotifier) => Task;
function run(preset: PresetName, body: Body): string[] {
  heard.length = 0;
  const m = buildSequential((machine: Machine) => {
    const k = createKernel(machine, { frames: 64, tables: 16, gatherPages: 8, swapPages: 8, rules: rules(preset) });
    machine.keep(body);
    machine.spawn("test", main, [k, createProcess(k), createNotifier(machine, "sub", ops, {}), body]);
  });
  expect(runSequentially(m)).toBeNull();
  return [...heard];
}

function* main(k: Kernel, p: Process, sub: MmuNotifier, body: Body): Task {
  yield* sysMmap(k, p, AT, 1, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, null, 0);
  yield* userWrite(k, p, AT, 7);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  yield* body(k, p, sub);
}

const frame = (k: Kernel, p: Process): number => ptePfn(pteAt(k, p.mm as Mm, AT));
const look = (k: Kernel, p: Process): void => {
  const { state, bits } = snapPage(k, p.mm as Mm, AT);
  heard.push(`${state} ${bits}`);
};

/** What reclaim does to a page that is to be swapped out. */
function* swapOut(k: Kernel, p: Process): Task {
  const pfn = frame(k, p);
  yield* lockFolio(folioLockWord(k, pfn));
  yield* addToSwap(k, pfn);
  yield* tryToUnmap(k, pfn, 0);
  yield* unlockFolio(folioLockWord(k, pfn));
  look(k, p);
}

function* pinnedSwapOut(k: Kernel, p: Process): Task {
  yield* getUserPagesFast(k, p.mm as Mm, AT, 1, FOLL_PIN | FOLL_WRITE, k.scratch);
  yield* swapOut(k, p);
  yield* unpinUserPages(k, k.scratch, 1, FOLL_PIN, false);
}

test("an entry for the slot, which remembers that the page was exclusive", () => {
  expect(run("linux-6.1", swapOut)).toEqual(["start", "end", "swap se"]);
});

test("a pinned page: restored since v5.19, lost before, not touched by the skip that was proposed", () => {
  expect(run("linux-6.1", pinnedSwapOut)).toEqual(["start", "end", "pte wdas"]);
  expect(run("linux-5.11", pinnedSwapOut)).toEqual(["start", "end", "swap se"]);
  expect(run("skip-pinned-unmap", pinnedSwapOut)).toEqual(["pte wdas"]);
});

test("a refusal: noted as posted, obeyed in full; in both there is an end", () => {
  expect(run("mayfail-as-posted", swapOut)).toEqual(["start", "end", "swap se"]);
  expect(run("mayfail-full", swapOut)).toEqual(["start", "end", "pte wdas"]);
});

function* looksTwice(k: Kernel, p: Process): Task {
  const pfn = frame(k, p);
  heard.push(`${referencedPtes(yield* folioReferenced(k, pfn, false, -1))}`);
  heard.push(`${referencedPtes(yield* folioReferenced(k, pfn, false, -1))}`);
  look(k, p);
}
test("the accessed bit counts once; devices are asked each time", () => {
  expect(run("linux-6.1", looksTwice)).toEqual(["young", "1", "young", "0", "pte wds"]);
});

function* lazyfree(k: Kernel, p: Process): Task {
  yield* sysMadvise(k, p, AT, 1, MADV_FREE);
  yield* sysMadvise(k, p, AT, 1, MADV_FREE); // empties the batch
  const pfn = frame(k, p);
  heard.length = 0;
  yield* userWrite(k, p, AT, 8);
  yield* lockFolio(folioLockWord(k, pfn));
  yield* tryToUnmap(k, pfn, 0);
  yield* unlockFolio(folioLockWord(k, pfn));
  look(k, p);
}
test("a lazyfree page that was written stays", () => {
  expect(run("linux-6.1", lazyfree)).toEqual(["start", "end", "pte wdas"]);
});

function* writesOut(k: Kernel, p: Process): Task {
  const pfn = frame(k, p);
  yield* swapOut(k, p);
  yield* lockFolio(folioLockWord(k, pfn));
  yield* swapWritepage(k, pfn);
  heard.push(`disk ${k.swap.slots.disk[1]}`);
}
test("what is written to swap is the content", () => {
  expect(run("linux-6.1", writesOut).at(-1)).toBe("disk 7");
});
