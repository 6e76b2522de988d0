/** Runs random programs as task code: the tree's nodes are constants, what a task has read last is its only variable. */
import { type Cell, cell, cmpxchg, exchange, fetchAdd, readOnce, touch, writeOnce } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { assert } from "../../machine/finding.ts";
import type { Machine, TaskInfo } from "../../machine/machine.ts";
import { lock, type Mutex, mutex, spinlock, trylock, unlock } from "../../machine/mutex.ts";
import { int, struct } from "../../machine/struct.ts";
import { choose, join, spawn, until } from "../../machine/wait.ts";
import { describePending } from "../../machine/waitFor.ts";
import type { Block, RandomProgram } from "./ast.testkit.ts";

interface Box {
  value: number;
}

interface World {
  readonly locks: readonly Mutex[];
  readonly cells: readonly Cell[];
  readonly fields: readonly Box[];
  readonly children: readonly Block[];
  /** What each task of the set-up read last, written when it ends. */
  readonly results: readonly Box[];
}

function* runTask(w: World, body: Block, n: number): Task {
  const last = yield* runBlock(w, body, 0, null);
  w.results[n].value = last;
}

function* runChild(w: World, body: Block): Task {
  yield* runBlock(w, body, 0, null);
}

/** Gives back what was read last. Joins only what the same block has started last. */
function* runBlock(w: World, block: Block, before: number, parentChild: TaskInfo | null): Task<number> {
  let last = before;
  let child = parentChild;
  for (let i = 0; i < block.length; i++) {
    const s = block[i];
    switch (s.op) {
      case "section":
        yield* lock(w.locks[s.lock]);
        last = yield* runBlock(w, s.body, last, child);
        yield* unlock(w.locks[s.lock]);
        break;
      case "try":
        if (yield* trylock(w.locks[s.lock])) {
          last = yield* runBlock(w, s.body, last, child);
          yield* unlock(w.locks[s.lock]);
        } else {
          last = yield* runBlock(w, s.otherwise, last, child);
        }
        break;
      case "take":
        yield* lock(w.locks[s.lock]);
        break;
      case "drop":
        yield* unlock(w.locks[s.lock]);
        break;
      case "read":
        last = yield* readOnce(w.cells[s.cell]);
        break;
      case "write":
        yield* writeOnce(w.cells[s.cell], s.value < 0 ? last : s.value);
        break;
      case "add":
        last = yield* fetchAdd(w.cells[s.cell], s.value);
        break;
      case "exchange":
        last = yield* exchange(w.cells[s.cell], s.value < 0 ? last : s.value);
        break;
      case "cmpxchg":
        last = yield* cmpxchg(w.cells[s.cell], s.expected, s.value < 0 ? last : s.value);
        break;
      case "swap":
        yield* touch(w.cells[s.cell], w.cells[s.cell2]);
        last = w.cells[s.cell].value;
        w.cells[s.cell].value = w.cells[s.cell2].value;
        w.cells[s.cell2].value = last;
        break;
      case "until":
        yield* until(() => w.cells[s.cell].value === s.value);
        break;
      case "get":
        last = w.fields[s.field].value;
        break;
      case "set":
        w.fields[s.field].value = s.value < 0 ? last : s.value;
        break;
      case "choose":
        last = yield* choose(s.n);
        break;
      case "if":
        last = yield* runBlock(w, last === s.value ? s.body : s.otherwise, last, child);
        break;
      case "twice":
        last = yield* runBlock(w, s.body, last, child);
        last = yield* runBlock(w, s.body, last, child);
        break;
      case "assert":
        assert(last !== s.value, "what was read last");
        break;
      case "spawn":
        child = spawn(runChild, w, w.children[s.child]);
        break;
      case "join":
        if (child !== null) yield* join(child);
        break;
    }
  }
  return last;
}

/** Sets up `p` as a machine. */
export function setUp(p: RandomProgram): (m: Machine) => void {
  return (m) => {
    const locks = p.locks.map((kind, i) => (kind === "mutex" ? mutex(`lock${i}`) : spinlock(`lock${i}`)));
    const cells = p.cells.map((value, i) => cell(`cell${i}`, value));
    const fields = p.fields.map((guard, i) =>
      struct("box", { value: int({ guardedBy: () => locks[guard] }) }).create(`box${i}`),
    );
    const results = p.tasks.map((_, i) => struct("result", { value: int() }).create(`result${i}`));
    const world: World = { locks, cells, fields, children: p.children, results };
    m.keep(world);
    p.tasks.forEach((body, i) => {
      m.spawn(`task${i}`, runTask, [world, body, i], { children: p.children.length > 0 ? 2 : 0 });
    });
    if (p.forbidden >= 0) m.atEnd("cell 0", () => cells[0].value !== p.forbidden);
  };
}

/** What a user can see of a final state: cells, fields, results, and how each task ended. Stacks are not compared. */
export function project(m: Machine): string {
  const data = m.layout.entries
    .filter((e) => /^(cell|box|result)\d+(\.value)?$/.test(e.name) && e.kind === "int")
    .map((e) => m.words[e.at]);
  const tasks = m.tasks.map((t) => {
    const state = m.stateOf(t.slot);
    return state === 1 ? describePending(m, t.slot) : state;
  });
  return `${data.join(" ")} | ${tasks.join(", ")}`;
}
