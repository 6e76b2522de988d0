import { describe, expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { join, spawn } from "../machine/wait.ts";
import { type Announced, losesRights, NO_LOSS, openSection } from "./announced.ts";
import { explore } from "./explore.testkit.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import {
  invalidateRangeEnd,
  invalidateRangeOnlyEnd,
  invalidateRangeStart,
  MMU_NOTIFY_CLEAR,
  MMU_NOTIFY_UNMAP,
  RANGE_BLOCKABLE,
} from "./mmuNotifier.ts";
import {
  mkPte,
  PTE_DIRTY,
  PTE_PROTNONE,
  PTE_SOFT_DIRTY,
  PTE_WRITE,
  PTE_YOUNG,
  SWP_MARKER,
  setPteAt,
} from "./pageTable.ts";
import { installTables } from "./pteAlloc.ts";

const AT = 9;
const FLAGS = MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE;
type Body = (k: Kernel, mm: Mm) => Task;

/** A task on an mm in which page AT is mapped. */
function outcome(body: Body): string {
  const result = explore((m) => {
    const k = createKernel(m, {
      frames: 4,
      nodes: 1,
      tableShift: 1,
      windowShift: 3,
      tables: 6,
      mms: 1,
      processes: 1,
      vmas: 1,
      gathers: 1,
      gatherPages: 1,
      watchPtes: true,
    });
    m.keep(body);
    m.spawn("main", main, [k, createProcess(k), body], { children: 1 });
  });
  return result.verdict === "ok" ? "ok" : `${result.verdict}: ${result.message}`;
}

function* main(k: Kernel, p: Process, body: Body): Task {
  const mm = p.mm as Mm;
  yield* downRead(mm.mmapLock);
  installTables(k, mm, AT);
  yield* upRead(mm.mmapLock);
  yield* set(k, mm, mkPte(1, PTE_WRITE));
  yield* body(k, mm);
}

function* set(k: Kernel, mm: Mm, pte: number): Task {
  yield* lock(mm.ptl);
  yield* setPteAt(k, mm, AT, pte);
  yield* unlock(mm.ptl);
}

function* announces(k: Kernel, mm: Mm): Task {
  yield* invalidateRangeStart(k, mm, AT - 1, AT + 1, FLAGS);
  yield* set(k, mm, mkPte(1, 0));
  yield* set(k, mm, 0);
  yield* invalidateRangeEnd(k, mm, AT - 1, AT + 1, FLAGS);
}

function* clears(k: Kernel, mm: Mm): Task {
  yield* set(k, mm, 0);
}

function* protects(k: Kernel, mm: Mm): Task {
  yield* set(k, mm, mkPte(1, 0));
}

function* repoints(k: Kernel, mm: Mm): Task {
  yield* set(k, mm, mkPte(2, PTE_WRITE));
}

function* announcesAnother(k: Kernel, mm: Mm): Task {
  yield* invalidateRangeStart(k, mm, AT + 1, AT + 2, FLAGS);
  yield* set(k, mm, 0);
}

function* isLate(k: Kernel, mm: Mm): Task {
  yield* invalidateRangeStart(k, mm, AT, AT + 1, FLAGS);
  yield* invalidateRangeOnlyEnd(k, mm, AT, AT + 1, FLAGS);
  yield* set(k, mm, 0);
}

function* nests(k: Kernel, mm: Mm): Task {
  yield* invalidateRangeStart(k, mm, 0, 16, MMU_NOTIFY_UNMAP | RANGE_BLOCKABLE);
  yield* invalidateRangeStart(k, mm, AT, AT + 1, FLAGS);
  yield* invalidateRangeEnd(k, mm, AT, AT + 1, FLAGS);
  yield* set(k, mm, 0);
  yield* invalidateRangeEnd(k, mm, 0, 16, MMU_NOTIFY_UNMAP | RANGE_BLOCKABLE);
}

function* endsMore(k: Kernel, mm: Mm): Task {
  yield* invalidateRangeStart(k, mm, AT, AT + 1, FLAGS);
  yield* invalidateRangeEnd(k, mm, AT, AT + 2, FLAGS);
}

function* noLock(k: Kernel, mm: Mm): Task {
  yield* setPteAt(k, mm, AT, mkPte(1, PTE_WRITE | PTE_DIRTY));
}

function* never(k: Kernel, mm: Mm): Task {
  yield* invalidateRangeStart(k, mm, AT, AT + 1, FLAGS);
  yield* set(k, mm, 0);
  throw new Error(openSection(k.announced as Announced) ?? "all sections are over");
}

/** The section of another task says nothing about this one. */
function* reliesOnAnother(k: Kernel, mm: Mm): Task {
  yield* join(spawn(opensOnly, k, mm));
  yield* set(k, mm, mkPte(1, 0));
}

function* opensOnly(k: Kernel, mm: Mm): Task {
  yield* invalidateRangeStart(k, mm, AT, AT + 1, FLAGS);
}

describe("changes of entries", () => {
  test("inside of a section, also of an outer one", () => {
    expect(outcome(announces)).toBe("ok");
    expect(outcome(nests)).toBe("ok");
  });

  const page = "takes rights from page 9 of mm1";
  test.each<[string, Body, string]>([
    ["clearing", clears, `${page} (it is no longer present)`],
    ["write protection", protects, `${page} (it gets read-only)`],
    ["another frame", repoints, `${page} (frame 1 gives way to frame 2)`],
    ["a section over another page", announcesAnother, page],
    ["a section of another task", reliesOnAnother, `${page} (it gets read-only)`],
    ["a section that is over", isLate, page],
    ["the end of a section that was not begun", endsMore, "ends a section over pages 9 to 11 of mm1"],
  ])("%s is a missed notification", (_name, body, why) => {
    expect(outcome(body)).toContain(`missed-notification: main ${why}`);
  });

  test("without the page-table lock", () => {
    expect(outcome(noLock)).toBe("data-race: main changes page 9 of mm1 without holding mm1.ptl");
  });

  test("a section that nobody ends is left at the end", () => {
    expect(outcome(never)).toContain("a notifier section over pages 9 to 10 was never ended");
  });
});

test("what is no loss of rights", () => {
  const rw = mkPte(1, PTE_WRITE | PTE_DIRTY | PTE_YOUNG | PTE_SOFT_DIRTY);
  expect(losesRights(rw, mkPte(1, PTE_WRITE))).toBe(false);
  expect(losesRights(mkPte(1, 0), mkPte(1, PTE_WRITE | PTE_DIRTY))).toBe(false);
  expect(losesRights(mkPte(1, PTE_PROTNONE), mkPte(1, PTE_WRITE))).toBe(false);
  expect(losesRights(mkPte(1, PTE_PROTNONE), 0)).toBe(false);
  expect(losesRights((1 << 9) | SWP_MARKER, 0)).toBe(false);
  expect(losesRights(0, rw)).toBe(false);
  expect(losesRights(rw, mkPte(1, PTE_DIRTY))).toBe(true);
  expect(losesRights(rw, mkPte(1, PTE_WRITE | PTE_PROTNONE))).toBe(true);
  expect(losesRights(mkPte(1, 0), mkPte(2, PTE_WRITE))).toBe(true);
  expect(NO_LOSS.map((each) => each.why.length > 20)).toEqual([true, true, true]);
});
