/** Runs and outcomes for the tests of the reports. */
import type { Frame, Hold, Place, Run, RunFinding, RunStep, RunTask, Waiter } from "../search/run.ts";
import type { Outcome } from "./outcome.ts";

export function place(file: string, line: number, text: string): Place {
  return { file, line, column: 3, text };
}

export function frame(name: string, file: string, line: number, text: string): Frame {
  return { name, place: place(file, line, text) };
}

export function step(
  n: number,
  task: number,
  text: string,
  stack: readonly Frame[],
  more: Partial<RunStep> = {},
): RunStep {
  return {
    step: n,
    task,
    text,
    operation: text.split(" ")[0] ?? "",
    choice: null,
    stack,
    switched: false,
    preempted: false,
    enabled: [task],
    acquired: [],
    released: [],
    events: [],
    changes: [],
    changed: [],
    ...more,
  };
}

interface RunParts {
  readonly tasks: readonly string[];
  readonly schedule: string;
  readonly steps: readonly RunStep[];
  readonly finding?: Pick<RunFinding, "verdict" | "message"> & Partial<RunFinding>;
  readonly waiters?: readonly Waiter[];
}

export function run({ tasks, schedule, steps, finding, waiters = [] }: RunParts): Run {
  return {
    tasks: tasks.map((name, slot): RunTask => ({ slot, name, daemon: false, parent: -1, state: "waiting" })),
    decisions: steps.map((s) => ({ task: s.task, choice: 0 })),
    schedule,
    steps,
    finding: finding === undefined ? null : { task: null, cycle: [], stack: [], ...finding },
    waiters,
    holds: tasks.map((_, slot) => waiters.find((w) => w.task === slot)?.holds ?? []),
    ended: true,
    preemptions: steps.filter((s) => s.preempted).length,
    switches: steps.filter((s) => s.switched).length,
    initial: new Int32Array(0),
  };
}

function hold(lock: string, step: number, at: Place): Hold {
  return { lock, lockClass: lock, kind: "mutex", shared: false, step, place: at };
}

export const OUTCOME: Outcome = {
  name: "ab-ba",
  variant: "buggy",
  title: "two locks in two orders",
  about: "",
  rules: "linux-6.1",
  entry: null,
  text: "",
  sources: [],
  experiment: [],
  expected: null,
  verdict: "ok",
  complete: true,
  states: 1234,
  transitions: 5678,
  maxDepth: 17,
  seconds: 0.0123,
  workers: 1,
  engine: "stateful",
  reduction: "local steps",
  estimate: null,
  covered: "",
  seed: null,
  minimal: false,
  run: null,
  loop: null,
  lockdep: [],
  lockdepSummary: { sees: null, witnessed: 0, falseAlarms: 0, undecided: 0 },
};

const userptr = "src/drivers/i915Userptr.ts";
const worker: Frame[] = [frame("userptrWorker", userptr, 131, "yield* setPages(k, obj);")];
const setPages = (line: number, text: string): Frame[] => [frame("setPages", userptr, line, text), ...worker];
const reclaim: Frame[] = [
  frame("shrinkFolioList", "src/mm/vmscan.ts", 60, "yield* tryToUnmap(k, pfn);"),
  frame("allocPages", "src/mm/pageAlloc.ts", 40, "yield* shrinkFolioList(k);"),
  ...setPages(125, "yield* allocPages(k, GFP_KERNEL);"),
];
const callback: Frame[] = [
  frame("putPages", userptr, 88, "yield* lock(obj.mmLock);"),
  frame("invalidateRangeStart", userptr, 75, "yield* putPages(k, obj);"),
  ...reclaim,
];

/** Hazard a of the thread of 2020: one task, no context switch. */
export const SELF_DEADLOCK: Outcome = {
  ...OUTCOME,
  name: "gup-reclaim-recursive-wait",
  variant: "as-in-2020",
  title: "pinning page n reclaims page n-1 of the same object",
  about: "i915 userptr worker as of v5.7",
  rules: "linux-5.7",
  expected: "deadlock",
  verdict: "deadlock",
  minimal: true,
  states: 6,
  transitions: 5,
  maxDepth: 5,
  run: run({
    schedule: "1-a4-9x7k",
    tasks: ["worker"],
    steps: [
      step(1, 0, "lock mm.mmapLock", [
        frame("pinUserPages", "src/mm/gup.ts", 20, "yield* lock(mm.mmapLock);"),
        ...worker,
      ]),
      step(2, 0, "lock obj0.mm.lock", setPages(123, "yield* lock(obj.mmLock);")),
      step(3, 0, "the environment chooses one of 2", reclaim, { events: ["folio[0] isolated from the LRU"] }),
      step(4, 0, "lock folio[0]", reclaim),
    ],
    finding: {
      verdict: "deadlock",
      message: "worker waits (lock obj0.mm.lock) for itself",
      task: 0,
      stack: callback,
      cycle: [0],
    },
    waiters: [
      {
        task: 0,
        wants: "lock obj0.mm.lock",
        object: "obj0.mm.lock",
        stack: callback,
        owners: [0],
        waits: "all",
        holds: [
          hold("obj0.mm.lock", 2, place(userptr, 123, "yield* lock(obj.mmLock);")),
          hold("folio[0]", 4, place("src/mm/vmscan.ts", 60, "yield* lockFolio(pfn);")),
        ],
      },
    ],
  }),
};

const first = (line: number, text: string): Frame[] => [frame("first", "x.ts", line, text)];
const second = (line: number, text: string): Frame[] => [frame("second", "x.ts", line, text)];

export const AB_BA: Outcome = {
  ...OUTCOME,
  verdict: "deadlock",
  minimal: true,
  lockdep: ["a -> b (x.ts:3) and b -> a (x.ts:9) are taken in opposite orders"],
  run: run({
    schedule: "1-ab-w2c0",
    tasks: ["t1", "t2"],
    steps: [
      step(1, 0, "lock a", first(3, "yield* lock(a);")),
      step(2, 1, "lock b", second(9, "yield* lock(b);"), { switched: true, preempted: true }),
    ],
    finding: {
      verdict: "deadlock",
      message: "t1 waits (lock b) for t2; t2 waits (lock a) for t1",
      task: null,
      cycle: [0, 1],
    },
    waiters: [
      {
        task: 0,
        wants: "lock b",
        object: "b",
        stack: first(4, "yield* lock(b);"),
        owners: [1],
        waits: "all",
        holds: [hold("a", 1, place("x.ts", 3, "yield* lock(a);"))],
      },
      {
        task: 1,
        wants: "lock a",
        object: "a",
        stack: second(10, "yield* lock(a);"),
        owners: [0],
        waits: "all",
        holds: [hold("b", 2, place("x.ts", 9, "yield* lock(b);"))],
      },
    ],
  }),
};

/** A knot: a condition that only a waiting task would fulfil. */
export const KNOT: Outcome = {
  ...OUTCOME,
  name: "fence-recursive-wait",
  verdict: "deadlock",
  run: run({
    schedule: "1-a-77ab",
    tasks: ["submit", "gpu"],
    steps: [step(1, 0, "lock vm.resv", first(12, "yield* lock(vm.resv);"))],
    finding: { verdict: "deadlock", message: "submit waits; gpu waits", task: null },
    waiters: [
      {
        task: 0,
        wants: "wait for fence0",
        object: "fence0",
        stack: first(14, "yield* until(() => f.done);"),
        owners: [1],
        waits: "any",
        holds: [],
      },
      {
        task: 1,
        wants: "wait for a condition",
        object: null,
        stack: second(30, "yield* until(() => queue.length > 0);"),
        owners: [],
        waits: "any",
        holds: [],
      },
    ],
  }),
};

export const USE_AFTER_FREE: Outcome = {
  ...OUTCOME,
  name: "interval-remove-early-return",
  verdict: "use-after-free",
  minimal: true,
  run: run({
    schedule: "1-bab-01fe",
    tasks: ["remove", "invalidate"],
    steps: [
      step(1, 1, "lock subscriptions.lock", second(20, "yield* lock(s.lock);")),
      step(2, 0, "read subscriptions.invalidateSeq", first(10, "yield* until(() => seq !== s.seq);"), {
        switched: true,
        events: ["node0 freed"],
      }),
      step(3, 1, "write node0.next = 0", second(24, "node.next = 0;"), { switched: true }),
    ],
    finding: {
      verdict: "use-after-free",
      message: "node0 is used after it was freed.",
      task: 1,
      stack: second(24, "node.next = 0;"),
    },
  }),
};

export const LIVELOCK: Outcome = {
  ...OUTCOME,
  name: "retry",
  loop: 1,
  verdict: "livelock",
  run: run({
    schedule: "1-aba-pq12",
    tasks: ["fault", "invalidate"],
    steps: [
      step(1, 0, "read seq", first(1, "const s = yield* readOnce(seq);")),
      step(2, 1, "seq += 1", second(2, "yield* fetchAdd(seq, 1);"), { switched: true, preempted: true }),
      step(3, 0, "read seq", first(3, "if ((yield* readOnce(seq)) !== s) continue;"), { switched: true }),
    ],
    finding: {
      verdict: "livelock",
      message: "fault never completes although it runs again and again",
      task: 0,
      stack: first(3, "if ((yield* readOnce(seq)) !== s) continue;"),
    },
  }),
};

export const NOT_DECIDED: Outcome = {
  ...OUTCOME,
  complete: false,
  states: 5_000_000,
  covered: "every run of at most 40 steps, and 12 % of the frontier; the bound on states was reached",
  estimate: { states: 81_000_000, traces: 4e11 },
  seed: 7,
};

/** More tasks than fit beside each other, with a name that no terminal should be given as it is. */
export const MANY_TASKS: Outcome = {
  ...USE_AFTER_FREE,
  name: "many",
  run: run({
    schedule: "1-aba-pq12",
    tasks: Array.from({ length: 12 }, (_, i) => (i === 3 ? "tâche \u001b[31m日本" : `philosopher${i}`)),
    steps: Array.from({ length: 12 }, (_, i) =>
      step(i + 1, i, `lock fork${i}.withAVeryLongName`, first(7, "yield* lock(f);"), { switched: i > 0 }),
    ),
    finding: { verdict: "assertion", message: "hungry", task: 3, stack: first(7, "yield* lock(f);") },
  }),
};

export const ALL: Readonly<Record<string, Outcome>> = {
  SELF_DEADLOCK,
  AB_BA,
  KNOT,
  USE_AFTER_FREE,
  LIVELOCK,
  NOT_DECIDED,
  MANY_TASKS,
  ok: OUTCOME,
};
