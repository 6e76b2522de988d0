import { describe, expect, test } from "vitest";
import { never, type Task } from "../../machine/api.ts";
import { downRead, downWrite, type RwSem, rwsem, upWrite } from "../../machine/rwsem.ts";
import { onMachine, setupProgram } from "../program.ts";
import { type RacesClass, searchDpor } from "./dpor.ts";
import { explore } from "./explore.testkit.ts";
import { Races } from "./races.ts";
import { type Code, setup } from "./random.testkit.ts";

/** What a task waits for at the end of a run does not race. */
class NothingPending extends Races {
  override blocked(): void {}
}

/** An operation that would have to wait right before the latest event that it races with is never done earlier. */
class NothingWaits extends Races {
  protected override deepen(): void {}
}

/** The same for conditions only: they race with the last write. */
class LastWrite extends Races {
  protected override deepen(...args: Parameters<Races["deepen"]>): void {
    if (this.m.pendingOp(this.racer.task).waits !== "any") super.deepen(...args);
  }
}

/** An operation touches earlier what it touched in this run. */
class OldEffect extends Races {
  protected override effect(here: number): number {
    return here;
  }
}

/** Events are taken back one at a time only, each with what depends on it. */
class OneAtATime extends Races {
  protected override deepen(level: number, ...rest: [readonly number[], Int32Array, number]): void {
    if (level === 0) super.deepen(level, ...rest);
  }
}

/** A condition depends on the same words wherever it is tried. */
class SameWords extends Races {
  override endOfRun(): void {}
}

function* readForEver(s: RwSem): Task {
  yield* downRead(s);
  yield* never();
}

function* write(s: RwSem): Task {
  yield* downWrite(s);
  yield* upWrite(s);
}

describe("mistakes in the treatment of races, and the programs that show them", () => {
  test.each<[string, RacesClass, string, number[], [number, number], [number, number]]>([
    ["nothing pending", NothingPending, "abba", [], [2, 1], [1, 1]],
    ["nothing pending", NothingPending, "i915_cross", [], [2, 1], [1, 1]],
    ["nothing pending", NothingPending, "philosophers", [3, 2], [90, 16], [85, 16]],
    ["nothing waits", NothingWaits, "abba", [], [2, 1], [1, 0]],
    ["nothing waits", NothingWaits, "mutex_counter", [3], [6, 0], [1, 0]],
    ["nothing waits", NothingWaits, "rwlock", [3, 1], [8, 0], [1, 0]],
    ["last write", LastWrite, "szymanski1", [1], [6, 25], [6, 3]],
    ["last write", LastWrite, "spinlock_await", [2], [6, 0], [1, 0]],
    ["old effect", OldEffect, "casrot", [5], [43, 0], [37, 0]],
  ])("%s: %s%s(%j)", (_what, mutant, program, n, right, wrong) => {
    const sound = explore(program, n);
    expect([sound.completed, sound.blocked]).toEqual(right);
    const r = explore(program, n, {}, mutant);
    expect([r.completed, r.blocked]).toEqual(wrong);
  });

  test("one at a time: a writer that comes first needs both readers gone", () => {
    const program = setupProgram((m) => {
      const s = rwsem("s");
      m.spawn("reader1", readForEver, [s]);
      m.spawn("reader2", readForEver, [s]);
      m.spawn("writer", write, [s]);
    });
    const runs = (RacesOf: RacesClass): number =>
      onMachine(program, { fine: true }, (m) => searchDpor(m, { all: true }, RacesOf).executions);
    expect([runs(Races), runs(OneAtATime)]).toEqual([2, 1]);
  });

  test("same words: whether x == 0 || z == 1 looks at z depends on x", () => {
    const codes: Code[] = [
      [
        ["add", 2, 0],
        ["either", 0, 2],
      ],
      [["store", 0, 0]],
      [
        ["store", 0, 1],
        ["write", 2, 1],
      ],
      [
        ["until", 1, 0],
        ["add", 0, 1],
      ],
    ];
    const runs = (RacesOf: RacesClass): number[] =>
      onMachine(setupProgram(setup(codes, 4)), { fine: true }, (m) => {
        const r = searchDpor(m, { all: true }, RacesOf);
        return [r.completed, r.blocked];
      });
    expect([runs(Races), runs(SameWords)]).toEqual([
      [36, 2],
      [35, 2],
    ]);
  });
});
