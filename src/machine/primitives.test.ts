/**
 * Random programs over all primitives. For each: coarse and fine steps have the same verdicts and ends; operations that
 * declare no conflict commute; the reduced search agrees with the plain loop.
 */
import { expect, test } from "vitest";
import { onMachine, setupProgram } from "../search/program.ts";
import { searchStateful } from "../search/stateful.ts";
import { type Cell, cell, fetchAdd, readOnce, touch } from "./cell.ts";
import { type Completion, complete, completion, tryWaitForCompletion, waitForCompletion } from "./completion.ts";
import type { Task } from "./core.ts";
import { exploreBoth } from "./explore.testkit.ts";
import { type FolioLock, folioLock, lockFolio, trylockFolio, unlockFolio, waitFolioLocked } from "./folioLock.ts";
import type { Machine } from "./machine.ts";
import { lock, type Mutex, mutex, trylock, unlock } from "./mutex.ts";
import {
  downgradeWrite,
  downRead,
  downReadTrylock,
  downWrite,
  downWriteTrylock,
  type RwSem,
  rwsem,
  upRead,
  upWrite,
} from "./rwsem.ts";
import { type Srcu, srcu, srcuReadLock, srcuReadUnlock, synchronizeSrcu } from "./srcu.ts";
import { finishWait, prepareToWait, schedule, type WaitQueue, waitQueue, wakeUp } from "./waitQueue.ts";

interface World {
  readonly m: Mutex;
  readonly n: Mutex;
  readonly open: RwSem;
  readonly fair: RwSem;
  readonly folio: FolioLock;
  readonly done: Completion;
  readonly s: Srcu;
  readonly wq: WaitQueue;
  readonly log: Cell;
  readonly flag: Cell;
}

interface Node {
  readonly kind: number;
  readonly mark: number;
  readonly body: readonly Node[];
}

const LEAVES = 9;
const SECTIONS = 11;

function* note(w: World, mark: number) {
  yield* touch(w.log);
  w.log.value = (w.log.value * 5 + mark) % 1024;
}

function* run(nodes: readonly Node[], w: World): Task {
  for (let i = 0; i < nodes.length; i++) yield* one(nodes[i], w);
}

function* one(node: Node, w: World): Task {
  const { kind, mark, body } = node;
  switch (kind) {
    case 0:
      yield* note(w, mark);
      break;
    case 1:
      yield* fetchAdd(w.flag, 1);
      break;
    case 2:
      yield* complete(w.done);
      break;
    case 3:
      yield* waitForCompletion(w.done);
      break;
    case 4:
      if (yield* tryWaitForCompletion(w.done)) yield* note(w, mark);
      break;
    case 5:
      yield* synchronizeSrcu(w.s);
      break;
    case 6:
      yield* waitFolioLocked(w.folio);
      break;
    case 7:
      yield* prepareToWait(w.wq);
      if ((yield* readOnce(w.flag)) === 0) yield* schedule();
      yield* finishWait(w.wq);
      break;
    case 8:
      yield* wakeUp(w.wq);
      break;
    default:
      yield* section(kind - LEAVES, mark, body, w);
  }
}

function* section(kind: number, mark: number, body: readonly Node[], w: World): Task {
  switch (kind) {
    case 0:
      yield* lock(w.m);
      yield* run(body, w);
      yield* unlock(w.m);
      break;
    case 1:
      yield* lock(w.n);
      yield* run(body, w);
      yield* unlock(w.n);
      break;
    case 2:
      if (yield* trylock(w.m)) {
        yield* run(body, w);
        yield* unlock(w.m);
      } else yield* note(w, mark);
      break;
    case 3:
      yield* downRead(w.open);
      yield* run(body, w);
      yield* upRead(w.open);
      break;
    case 4:
      yield* downWrite(w.open);
      yield* run(body, w);
      yield* upWrite(w.open);
      break;
    case 5:
      if (yield* downWriteTrylock(w.open)) {
        yield* run(body, w);
        yield* downgradeWrite(w.open);
        yield* note(w, mark);
        yield* upRead(w.open);
      } else yield* note(w, mark);
      break;
    case 6:
      yield* downRead(w.fair);
      yield* run(body, w);
      yield* upRead(w.fair);
      break;
    case 7:
      yield* downWrite(w.fair);
      yield* run(body, w);
      yield* upWrite(w.fair);
      break;
    case 8:
      if (yield* downReadTrylock(w.fair)) {
        yield* run(body, w);
        yield* upRead(w.fair);
      } else yield* note(w, mark);
      break;
    case 9:
      if (mark === 1 && !(yield* trylockFolio(w.folio))) break;
      if (mark !== 1) yield* lockFolio(w.folio);
      yield* run(body, w);
      yield* unlockFolio(w.folio);
      break;
    default: {
      const index = yield* srcuReadLock(w.s);
      yield* run(body, w);
      yield* srcuReadUnlock(w.s, index);
    }
  }
}

/** A small linear congruential generator: the programs are the same in every run of the tests. */
function generator(seed: number): (n: number) => number {
  let x = seed;
  return (n) => {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
    return (x >> 12) % n;
  };
}

function nodes(random: (n: number) => number, length: number, depth: number, mark: number): Node[] {
  return Array.from({ length }, () => {
    const kind = depth > 0 && random(3) > 0 ? LEAVES + random(SECTIONS) : random(LEAVES);
    const body = kind < LEAVES ? [] : nodes(random, random(2) + 1 - (depth > 1 ? 0 : random(2)), depth - 1, mark);
    return { kind, mark, body };
  });
}

function program(seed: number) {
  return (m: Machine): void => {
    const random = generator(seed * 7919 + 1);
    const w: World = {
      m: mutex("m"),
      n: mutex("n"),
      open: rwsem("open"),
      fair: rwsem("fair", { queue: true }),
      folio: folioLock("folio"),
      done: completion("done"),
      s: srcu("s"),
      wq: waitQueue("wq"),
      log: cell("log"),
      flag: cell("flag"),
    };
    const tasks = 2 + random(2);
    for (let t = 0; t < tasks; t++) m.spawn(`t${t}`, run, [nodes(random, tasks === 2 ? 2 : 1, 2, t + 1), w]);
  };
}

const ends = (m: Machine): string => {
  const [log, flag, done] = ["log", "flag", "done"].map(
    (name) => m.words[(m.handles.find((h) => (h as { name?: string }).name === name) as Cell).at],
  );
  return `${log} ${flag} ${done}`;
};

test.each(Array.from({ length: 12 }, (_, i) => i))("random programs, batch %i", (batch) => {
  const verdicts = new Set<string>();
  for (let i = 0; i < 25; i++) {
    const setup = program(batch * 25 + i);
    const plain = exploreBoth(setup, ends);
    const verdict = plain.verdicts[0];
    verdicts.add(verdict);
    const reduced = onMachine(setupProgram(setup), {}, (m) => searchStateful(m));
    expect(reduced.violations[0]?.finding.verdict ?? "ok").toBe(verdict);
  }
  expect([...verdicts].sort()).toEqual(["deadlock", "ok"]);
});
