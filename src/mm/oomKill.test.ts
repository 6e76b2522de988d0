import { expect, test } from "vitest";
import { Finding } from "../machine/finding.ts";
import { GFP_KERNEL, GFP_NOFS } from "../machine/gfp.ts";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import type { Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { fillsCgroup, freesOne, killOnce, limitsItself } from "./oomKill.testkit.ts";
import { oomBadness } from "./oomKill.ts";
import { startOomReaper } from "./oomReaper.ts";
import type { OomNotifier } from "./oomTypes.ts";

test("badness: what would be freed, and a thousandth of all memory for each point of oom_score_adj", () => {
  expect(oomBadness(100, 20, 3, 0, 50_000)).toBe(123);
  expect(oomBadness(100, 20, 3, 10, 50_999)).toBe(123 + 10 * 50);
  expect(oomBadness(100, 20, 3, -500, 50_000)).toBe(123 - 500 * 50);
  expect(oomBadness(100, 20, 3, -1000, 50_000)).toBe(null);
});

interface World {
  k: Kernel;
  all: Process[];
}

/** Three processes with so many resident pages; the killer runs once after `prepare`. */
function afterKill(rss: number[], prepare: (w: World) => void, gfp = GFP_KERNEL, notifier?: OomNotifier) {
  const w = {} as World;
  const m = buildSequential((machine) => {
    w.k = createKernel(machine, { frames: 16, nodes: 1, tables: 16, mms: 3, processes: 3, vmas: 3, gatherPages: 4 });
    w.all = rss.map((n) => {
      const p = createProcess(w.k);
      if (p.mm) p.mm.rssAnon = n;
      return p;
    });
    prepare(w);
    if (notifier) w.k.oomNotifiers.push(machine.keep(notifier));
    machine.spawn("killer", killOnce, [w.k, gfp]);
  });
  const finding = runSequentially(m);
  if (finding) throw finding;
  return { killed: w.all.map((p) => p.killed), queued: w.k.oom.reapQueued.value };
}

test("the largest dies, of equals the last; its memory is to be reaped", () => {
  expect(afterKill([5, 9, 2], () => {})).toEqual({ killed: [false, true, false], queued: 1 });
  expect(afterKill([9, 9, 2], () => {})).toEqual({ killed: [false, true, false], queued: 1 });
});

test("who shares the memory dies too", () => {
  const shares = ({ all }: World) => {
    all[2].mm = all[1].mm;
  };
  expect(afterKill([5, 9, 2], shares)).toEqual({ killed: [false, true, true], queued: 1 });
});

test("nobody else dies while a victim has not been given up", () => {
  const dying = ({ all }: World) => {
    all[0].killed = true;
    all[0].oomMm = all[0].mm;
  };
  expect(afterKill([5, 9, 2], dying)).toEqual({ killed: [true, false, false], queued: 0 });
  const givenUp = (w: World) => {
    dying(w);
    if (w.all[0].mm) w.all[0].mm.oomSkip = true;
  };
  expect(afterKill([5, 9, 2], givenUp)).toEqual({ killed: [true, true, false], queued: 1 });
});

test("without file systems nobody is killed", () => {
  expect(afterKill([5, 9, 2], () => {}, GFP_NOFS)).toEqual({ killed: [false, false, false], queued: 0 });
});

test("nor when somebody gives memory back", () => {
  expect(afterKill([5, 9, 2], () => {}, GFP_KERNEL, freesOne)).toEqual({ killed: [false, false, false], queued: 0 });
});

test("a kernel without anybody to kill panics", () => {
  const protect = ({ all }: World) => {
    for (const p of all) p.oomScoreAdj = -1000;
  };
  expect(() => afterKill([5, 9, 2], protect)).toThrow(Finding);
});

/** More steps than any of these runs takes: a task that goes round in circles is an error, not a hang. */
const MOST_STEPS = 5000;

/** Processes in a cgroup of `max` pages without swap, and the reaper; the body runs in a task of its own. */
function inCgroup(
  max: number,
  adj: readonly number[],
  body: (k: Kernel, all: Process[]) => unknown,
  args: "all" | "first",
) {
  const w = {} as World;
  const m = buildSequential((machine) => {
    w.k = createKernel(machine, { frames: 256, tables: 32, mms: 4, processes: 4, memcgs: [{ max }], reclaimers: 4 });
    w.all = machine.keep(adj.map(() => createProcess(w.k)));
    w.all.forEach((p, i) => {
      p.oomScoreAdj = adj[i];
    });
    machine.keep(body);
    machine.spawn("body", body as never, [w.k, args === "all" ? w.all : w.all[0]]);
    startOomReaper(machine, w.k);
  });
  m.activate();
  for (let step = 0; m.enabled(0); step++) {
    if (step === MOST_STEPS) throw new Error("it goes on for ever");
    m.step(0);
    if (m.enabled(1)) m.step(1);
  }
  return w.all.map((p) => p.killed);
}

test("a charge waits until the reaper has been there, and who has nothing to give does not keep others alive", () => {
  // The first victim has shared memory only; what the second gives back is enough.
  expect(inCgroup(80, [0, 0, -1000], fillsCgroup, "all")).toEqual([true, true, false]);
});

test("who writes memory.max and is killed for it goes no further", () => {
  expect(inCgroup(100, [0], limitsItself as never, "first")).toEqual([true]);
});
