/** Runs of workloads: rules are tested between calls and at the end; what does not end is a failure, with its record. */
import { expect, test } from "vitest";
import type { Kernel } from "../mm/kernel.ts";
import { A, anon, awaitByte, begin, done, munmap, PP, register, set, type Task } from "../mm/user/api.ts";
import { lineOf } from "./record.ts";
import { recordWorkload } from "./run.ts";

function* unmaps(): Task {
  yield* anon(A, 2);
  yield* set(A, 1);
  yield* register("P", 0);
  yield* begin("munmap");
  done(yield* munmap(A, 2));
}
function* waits(): Task {
  yield* register("P", 0);
  yield* awaitByte(PP);
}

function* raises(): Task {
  yield* register("P", 0);
  throw new Error("not that way");
}

test("what a workload raises is how its run failed, with the record up to there", () => {
  const { events, failed } = recordWorkload({ default: raises });
  expect(failed).toBe("assertion: uncaught Error: not that way");
  expect(events.map(lineOf)).toEqual(["register P flags=0"]);
});

test("a record of what happened", () => {
  const { events, failed } = recordWorkload({ default: unmaps });
  expect(failed).toBeNull();
  expect(events.map(lineOf)).toEqual([
    "register P flags=0",
    "mark > munmap ret=0",
    "start P UNMAP A+0/2",
    "range P A+0/2",
    "end P UNMAP A+0/2",
    "range P A+0/1", // the flush covers what was mapped
    "mark < munmap ret=0",
    "unregister P",
    "release P ALL",
  ]);
});

test("who keeps the subscription is told when the address space dies", () => {
  const { events } = recordWorkload({ default: unmaps, keepsSubscription: true });
  expect(events.map(lineOf).slice(-2)).toEqual(["mark < munmap ret=0", "release P ALL"]);
});

test("rules are tested at every mark, and at the end", () => {
  let asked = 0;
  const between = (k: Kernel) => {
    asked++;
    return k.state.pagesInUse > 0 ? null : "no page is in use";
  };
  const fine = recordWorkload({ default: unmaps }, {}, { between, atEnd: () => null });
  expect([asked, fine.failed]).toEqual([2, null]);
  const atEnd = (k: Kernel) => `${k.state.tablesInUse} tables`;
  expect(recordWorkload({ default: unmaps }, {}, { between, atEnd }).failed).toBe("0 tables");
  expect(recordWorkload({ default: unmaps }, {}, { between: () => "broken", atEnd }).failed).toBe("broken");
});

test("a process that waits for ever is a deadlock, and what it did before is there", () => {
  const { events, failed } = recordWorkload({ default: waits });
  expect(failed).toMatch(/^deadlock: P/);
  expect(events.map(lineOf)).toEqual(["register P flags=0"]);
});
