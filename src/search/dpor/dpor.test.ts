import { describe, expect, test } from "vitest";
import {
  assert,
  type Cell,
  cell,
  choose,
  fetchAdd,
  join,
  lock,
  type Machine,
  type Mutex,
  mutex,
  never,
  readOnce,
  spawn,
  type Task,
  unlock,
  until,
  writeOnce,
} from "../../machine/api.ts";
import { onMachine, setupProgram } from "../program.ts";
import { type DporOptions, type DporResult, searchDpor } from "./dpor.ts";
import { explore, rows } from "./explore.testkit.ts";
import { programs } from "./programs.ts";
import { runAgain } from "./races.ts";

function search(setup: (m: Machine) => void, options: Partial<DporOptions> = {}): DporResult {
  return onMachine(setupProgram(setup), { fine: true }, (m) => searchDpor(m, options));
}

function* increment(c: Cell): Task {
  const v = yield* readOnce(c);
  yield* writeOnce(c, v + 1);
}

function* takeBoth(a: Mutex, b: Mutex): Task {
  yield* lock(a);
  yield* lock(b);
  yield* unlock(b);
  yield* unlock(a);
}

function* failOnTwo(c: Cell): Task {
  yield* fetchAdd(c, 1);
  assert((yield* readOnce(c)) !== 2, "two");
  yield* fetchAdd(c, 10);
}

function* pick(c: Cell): Task {
  const n = yield* choose(3);
  yield* writeOnce(c, n);
}

function* parent(c: Cell): Task {
  yield* writeOnce(c, 1);
  const child = spawn(increment, c);
  yield* join(child);
  yield* writeOnce(c, 5);
}

function* spin(c: Cell): Task {
  for (;;) yield* fetchAdd(c, 0);
}

function* serve(c: Cell): Task {
  for (;;) {
    yield* until(() => c.value > 0);
    yield* writeOnce(c, 0);
  }
}

function* stuck(): Task {
  yield* never();
}

function* one(c: Cell): Task {
  yield* writeOnce(c, 1);
}

describe("as many runs as there are traces, and none in vain", () => {
  test("all programs are counted", () => {
    expect(new Set(rows.map((row) => row.program))).toEqual(
      new Set(Object.keys(programs).filter((name) => name !== "rwlock")),
    );
    expect(rows.length).toBe(151);
  });

  // Four rows have more than 100,000 traces each; bench/dpor.mjs explores them.
  for (const row of rows.filter((r) => r.complete < 100_000)) {
    test(`${row.program}(${row.n})`, () => {
      const { completed, blocked, redundant, maxDepth } = explore(row.program, row.n);
      expect({ completed, blocked, redundant }).toEqual({
        completed: row.complete,
        blocked: row.blocked,
        redundant: 0,
      });
      if (row.maxEvents !== undefined) expect(maxDepth).toBe(row.maxEvents);
    });
  }

  // Each order of the writers, and for each reader a gap between them.
  test.each([
    [1, 1, 2],
    [2, 1, 4],
    [3, 1, 8],
    [1, 2, 6],
    [2, 2, 18],
    [3, 2, 54],
    [2, 3, 96],
  ])("readers and writers of a rwsem: %i and %i", (readers, writers, traces) => {
    const r = explore("rwlock", [readers, writers]);
    expect([r.completed, r.blocked, r.redundant]).toEqual([traces, 0, 0]);
  });
});

test("source sets give the same runs, some of them begun in vain", () => {
  let redundant = 0;
  for (const row of rows.filter((r) => r.complete + r.blocked < 300)) {
    const r = explore(row.program, row.n, { mode: "source" });
    expect([row.program, row.n, r.completed, r.blocked]).toEqual([row.program, row.n, row.complete, row.blocked]);
    redundant += r.redundant;
  }
  expect(redundant).toBeGreaterThan(0);
});

describe("what is found", () => {
  const crossed = (m: Machine): void => {
    const a = mutex("a");
    const b = mutex("b");
    m.spawn("t1", takeBoth, [a, b]);
    m.spawn("t2", takeBoth, [b, a]);
  };

  test("a deadlock, with the schedule that leads to it", () => {
    const r = search(crossed);
    expect(r.violations.length).toBe(1);
    const { finding, schedule } = r.violations[0];
    expect(finding.verdict).toBe("deadlock");
    expect([...finding.cycle].sort()).toEqual([0, 1]);
    expect([r.complete, r.stopped]).toEqual([false, "a rule was broken"]);
    onMachine(setupProgram(crossed), { fine: true }, (m) => {
      for (const d of schedule) m.step(d.task, d.choice);
      expect(m.judgeEnd()?.verdict).toBe("deadlock");
    });
  });

  test("everything, if asked for: the task that failed stops, the others go on", () => {
    const setup = (m: Machine): void => {
      const c = cell("c");
      m.spawn("t1", failOnTwo, [c]);
      m.spawn("t2", failOnTwo, [c]);
    };
    expect(search(setup).violations[0].finding.message).toBe("two");
    const all = search(setup, { all: true });
    expect(all.complete).toBe(true);
    expect(all.broken).toBe(all.violations.length);
    expect(all.violations.map((v) => [v.finding.task, v.finding.message])).toContainEqual([1, "two"]);
    expect(all.violations.map((v) => v.finding.task)).toContain(0);
    for (const { finding, schedule } of all.violations) {
      onMachine(setupProgram(setup), { fine: true }, (m) => {
        const last = schedule[schedule.length - 1];
        for (const d of schedule.slice(0, -1)) runAgain(m, d.task, d.choice);
        expect(() => m.step(last.task, last.choice)).toThrow(finding.message);
      });
    }
    const few = search(setup, { all: true, maxViolations: 1 });
    expect([few.violations.length, few.broken]).toEqual([1, all.broken]);
  });

  test("every outcome of a choice", () => {
    const ends = new Set<number>();
    const r = onMachine(
      setupProgram((m) => {
        const c = cell("c");
        m.keep(c);
        m.spawn("t1", pick, [c]);
        m.spawn("t2", pick, [c]);
        m.atEnd("see", () => void ends.add(c.value));
      }),
      { fine: true },
      (m) => searchDpor(m),
    );
    expect([r.completed, r.redundant, [...ends].sort()]).toEqual([18, 0, [0, 1, 2]]);
  });

  test("spawning and joining order events without being events", () => {
    const r = search((m) => {
      m.spawn("parent", parent, [cell("c")], { children: 1 });
    });
    expect([r.completed, r.redundant, r.maxDepth]).toEqual([1, 0, 4]);
  });

  test("a daemon may wait for ever", () => {
    const served = (daemon: boolean) => (m: Machine) => {
      const c = cell("c");
      m.spawn("server", serve, [c], { daemon });
      m.spawn("client", one, [c]);
    };
    expect([search(served(true)).completed, search(served(true)).complete]).toEqual([1, true]);
    expect(search(served(false)).violations[0].finding.verdict).toBe("deadlock");
  });

  test("an accident of the set-up, at once", () => {
    const r = search((m) => {
      const c = cell("c");
      m.keep(c);
      function* wrong(): Task {
        assert(c.at === 0, "wrong from the start");
        yield* readOnce(c);
      }
      m.spawn("t", wrong, []);
    });
    expect(r.violations.map((v) => [v.finding.message, v.schedule])).toEqual([["wrong from the start", []]]);
  });

  test("the machine is left as it was found", () => {
    onMachine(setupProgram(crossed), { fine: true }, (m) => {
      const before = m.snapshot();
      searchDpor(m);
      expect(m.snapshot()).toEqual(before);
      expect(m.ties).toBe(null);
    });
  });
});

describe("bounds", () => {
  const many = (m: Machine): void => {
    const c = cell("c");
    for (let i = 0; i < 4; i++) m.spawn(`t${i}`, increment, [c]);
  };

  test("on executions", () => {
    const r = search(many, { maxExecutions: 10 });
    expect([r.executions, r.complete, r.stopped]).toEqual([10, false, "10 executions were explored"]);
  });

  test("by the caller, who is asked now and then", () => {
    const asked: number[] = [];
    const r = search(many, {
      shouldStop: ({ executions }) => {
        asked.push(executions);
        return asked.length === 3 ? "enough" : null;
      },
    });
    expect([asked, r.executions, r.stopped]).toEqual([[64, 128, 192], 192, "enough"]);
  });

  test("on the steps of a run: endless ones are cut", () => {
    const r = search(
      (m) => {
        const c = cell("c");
        m.spawn("t1", spin, [c]);
        m.spawn("t2", stuck, []);
      },
      { maxSteps: 50 },
    );
    expect([r.complete, r.stopped, r.maxDepth]).toEqual([false, "runs were cut after 50 steps", 50]);
  });

  test("on preemptions", () => {
    const bounded = [0, 1, 2].map((preemptions) => explore("inc", [3], { preemptions }));
    expect(bounded.map((r) => r.completed)).toEqual([6, 24, 36]);
    expect(bounded.map((r) => r.beyond)).toEqual([30, 12, 0]);
    const deadlocks = [0, 1].map((preemptions) => explore("philosophers", [3], { preemptions }));
    expect(deadlocks.map((r) => [r.completed, r.blocked])).toEqual([
      [6, 0],
      [6, 1],
    ]);
  });

  test("a machine with invariants is never searched completely", () => {
    const r = search((m) => {
      many(m);
      m.invariant("true", () => true);
    });
    expect([r.completed, r.complete]).toEqual([576, false]);
    expect(r.stopped).toMatch(/invariants/);
  });
});
