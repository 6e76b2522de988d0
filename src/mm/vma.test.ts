/** Areas: splitting, and every case of merging; what becomes of their anon_vmas. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { buildSequential } from "../machine/sequential.ts";
import { checkKernel } from "./checks.ts";
import { sysFork } from "./fork.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { MADV_DONTFORK, MADV_POPULATE_WRITE, sysMadvise } from "./madvise.ts";
import { sysMmap, sysMunmap } from "./mmap.ts";
import { MAP_ANONYMOUS, type Mm, PROT_NONE, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { sysMprotect } from "./mprotect.ts";
import { MREMAP_FIXED, MREMAP_MAYMOVE, sysMremap } from "./mremap.ts";
import { getUnmappedArea, taskSize } from "./unmappedArea.ts";

const A = 1 << 20;
const RW = PROT_READ | PROT_WRITE;

/** The areas afterwards: first page - last page, rights, and whether they share an anon_vma (same letter). */
function areas(mm: Mm): string {
  const known: unknown[] = [];
  const out: string[] = [];
  for (let vma = mm.mmap; vma; vma = vma.next) {
    if (vma.anonVma && !known.includes(vma.anonVma)) known.push(vma.anonVma);
    const letter = vma.anonVma ? "abc"[known.indexOf(vma.anonVma)] : "";
    out.push(`${vma.start - A}-${vma.end - A - 1}${["none", "r", "w", "rw"][vma.flags & 3]}${letter}`);
  }
  return out.join(" ");
}

function after(body: (k: Kernel, p: Process) => Task): string {
  let kernel: Kernel | null = null;
  let process: Process | null = null;
  const m = buildSequential((machine) => {
    const k = createKernel(machine, { frames: 64, filePages: 4 });
    const p = createProcess(k);
    kernel = k;
    process = p;
    machine.keep(body);
    machine.spawn("t", body, [k, p]);
  });
  m.activate();
  if (m.initialFinding) throw m.initialFinding;
  while (m.enabled(0)) m.step(0);
  expect(checkKernel(kernel as unknown as Kernel)).toBe(null);
  return areas((process as unknown as Process).mm as Mm);
}

function* map(k: Kernel, p: Process, at: number, n: number, prot: number): Task {
  yield* sysMmap(k, p, A + at, n, prot, MAP_ANONYMOUS, null, 0);
}
function* touch(k: Kernel, p: Process, at: number, n: number): Task {
  yield* sysMadvise(k, p, A + at, n, MADV_POPULATE_WRITE);
}
function* protect(k: Kernel, p: Process, at: number, n: number, prot: number): Task {
  yield* sysMprotect(k, p, A + at, n, prot);
}

test("an area is split in front, behind and in the middle; all parts keep its anon_vma", () => {
  expect(
    after(function* front(k, p) {
      yield* map(k, p, 0, 6, RW);
      yield* touch(k, p, 0, 6);
      yield* protect(k, p, 0, 2, PROT_READ);
    }),
  ).toBe("0-1ra 2-5rwa");
  expect(
    after(function* behind(k, p) {
      yield* map(k, p, 0, 6, RW);
      yield* touch(k, p, 0, 6);
      yield* protect(k, p, 4, 2, PROT_READ);
    }),
  ).toBe("0-3rwa 4-5ra");
  expect(
    after(function* middle(k, p) {
      yield* map(k, p, 0, 6, RW);
      yield* touch(k, p, 0, 6);
      yield* protect(k, p, 2, 2, PROT_NONE);
    }),
  ).toBe("0-1rwa 2-3nonea 4-5rwa");
  expect(
    after(function* hole(k, p) {
      yield* map(k, p, 0, 6, RW);
      yield* sysMunmap(k, p, A + 2, 2);
    }),
  ).toBe("0-1rw 4-5rw");
});

/** Three areas of two pages, of which `first` and `last` have rights of their own; then the middle gets `prot`. */
function three(prots: readonly [number, number, number], prot: number, at: number, n: number) {
  return after(function* merging(k, p) {
    yield* map(k, p, 0, 6, RW);
    yield* touch(k, p, 0, 6);
    yield* protect(k, p, 0, 2, prots[0]);
    yield* protect(k, p, 2, 2, prots[1]);
    yield* protect(k, p, 4, 2, prots[2]);
    yield* protect(k, p, at, n, prot);
  });
}

test("vma_merge: all cases of a range that has an area already", () => {
  // 6: the range is all of the middle, and becomes one with both neighbours.
  expect(three([RW, PROT_READ, RW], RW, 2, 2)).toBe("0-5rwa");
  // 7: with the one before.
  expect(three([RW, PROT_READ, PROT_NONE], RW, 2, 2)).toBe("0-3rwa 4-5nonea");
  // 8: with the one behind.
  expect(three([PROT_NONE, PROT_READ, RW], RW, 2, 2)).toBe("0-1nonea 2-5rwa");
  // 5: its beginning goes to the one before.
  expect(three([RW, PROT_READ, PROT_NONE], RW, 2, 1)).toBe("0-2rwa 3-3ra 4-5nonea");
  // 4: its end goes to the one behind.
  expect(three([PROT_NONE, PROT_READ, RW], RW, 3, 1)).toBe("0-1nonea 2-2ra 3-5rwa");
  // No case: nobody is alike.
  expect(three([PROT_NONE, PROT_READ, PROT_NONE], RW, 2, 2)).toBe("0-1nonea 2-3rwa 4-5nonea");
});

test("a new mapping fills a hole: with both neighbours, with one, with none", () => {
  const filled = (before: boolean, behind: boolean, touched: boolean, prot = RW) =>
    after(function* fills(k, p) {
      if (before) yield* map(k, p, 0, 2, RW);
      if (behind) yield* map(k, p, 4, 2, RW);
      if (touched && before) yield* touch(k, p, 0, 2);
      if (touched && behind) yield* touch(k, p, 4, 2);
      yield* map(k, p, 2, 2, prot);
    });
  expect(filled(true, true, false)).toBe("0-5rw");
  expect(filled(true, false, true)).toBe("0-3rwa");
  expect(filled(false, true, true)).toBe("2-5rwa");
  // Two anon_vmas: they stay two areas, and the one behind grows.
  expect(filled(true, true, true)).toBe("0-1rwa 2-5rwb");
  expect(filled(true, true, false, PROT_READ)).toBe("0-1rw 2-3r 4-5rw");
});

test("a touched area does not join one before it that nobody has touched; the other way round it does", () => {
  expect(
    after(function* joins(k, p) {
      yield* map(k, p, 0, 4, RW);
      yield* protect(k, p, 2, 2, PROT_READ);
      yield* touch(k, p, 0, 2);
      yield* protect(k, p, 2, 2, RW);
    }),
  ).toBe("0-3rwa");
  expect(
    after(function* staysApart(k, p) {
      yield* map(k, p, 0, 4, RW);
      yield* protect(k, p, 0, 2, PROT_READ);
      yield* touch(k, p, 2, 2);
      yield* protect(k, p, 2, 2, PROT_READ);
    }),
  ).toBe("0-1r 2-3ra");
});

test("areas that differ in flags of madvise stay apart", () => {
  expect(
    after(function* flags(k, p) {
      yield* map(k, p, 0, 2, RW);
      yield* sysMadvise(k, p, A, 2, MADV_DONTFORK);
      yield* map(k, p, 2, 2, RW);
    }),
  ).toBe("0-1rw 2-3rw");
});

test("a moved area becomes one with what it came from, if nobody has touched it", () => {
  const moved = (touched: boolean) =>
    after(function* moves(k, p) {
      yield* map(k, p, 0, 4, RW);
      if (touched) yield* touch(k, p, 0, 4);
      yield* sysMremap(k, p, A, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, A + 4);
    });
  expect(moved(false)).toBe("2-5rw");
  expect(moved(true)).toBe("2-3rwa 4-5rwa");
});

test("the highest gap is filled from its end; a hint is taken when it is free", () => {
  expect(after(places)).not.toBe("");
});
function* places(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  const top = taskSize(k);
  yield* expecting(getUnmappedArea(k, mm, 0, 4), top - 4);
  yield* sysMmap(k, p, top - 4, 4, RW, MAP_ANONYMOUS, null, 0);
  yield* sysMmap(k, p, top - 8, 2, PROT_READ, MAP_ANONYMOUS, null, 0);
  yield* expecting(getUnmappedArea(k, mm, 0, 2), top - 6);
  yield* expecting(getUnmappedArea(k, mm, 0, 3), top - 11);
  yield* expecting(getUnmappedArea(k, mm, A, 3), A);
  yield* expecting(getUnmappedArea(k, mm, top - 5, 3), top - 11);
  yield* expecting(getUnmappedArea(k, mm, 0, top), -12);
}
function* expecting(got: number, wanted: number): Task {
  if (got !== wanted) throw new Error(`${got} instead of ${wanted}`);
}

test("a child has the areas of its parent, on an anon_vma of its own", () => {
  expect(
    after(function* forks(k, p) {
      yield* map(k, p, 0, 2, RW);
      yield* touch(k, p, 0, 2);
      const child = (yield* sysFork(k, p)) as Process;
      const mine = (p.mm as Mm).mmap;
      const its = (child.mm as Mm).mmap;
      if (!mine || !its || its.anonVma === mine.anonVma || its.anonVma?.parent !== mine.anonVma)
        throw new Error("fork");
      if (its.chains?.sameVma?.anonVma !== mine.anonVma) throw new Error("the child is not on the parent's anon_vma");
    }),
  ).toBe("0-1rwa");
});
