/** Runs random programs as task code: the tree's nodes are constants, what a task has read last is its only variable. */
import { type Cell, cell, cmpxchg, exchange, fetchAdd, readOnce, touch, writeOnce } from "../../machine/cell.ts";
import {
  type Completion,
  complete,
  completeAll,
  completion,
  tryWaitForCompletion,
  waitForCompletion,
} from "../../machine/completion.ts";
import type { Task } from "../../machine/core.ts";
import { EDEADLK } from "../../machine/errno.ts";
import { type Fence, fence, fenceIsSignaled, fenceSignal, fenceWait } from "../../machine/fence.ts";
import { assert } from "../../machine/finding.ts";
import { FolioLock, folioLock, lockFolio, trylockFolio, unlockFolio } from "../../machine/folioLock.ts";
import { DONE, FAILED, LIVE, type Machine, type TaskInfo } from "../../machine/machine.ts";
import { lock, type Mutex, mutex, spinlock, trylock, unlock } from "../../machine/mutex.ts";
import { type Refcount, refcount, refGet, refGetUnlessZero, refPut, refUntil } from "../../machine/refcount.ts";
import {
  downgradeWrite,
  downRead,
  downReadTrylock,
  downWrite,
  downWriteTrylock,
  RwSem,
  rwlock,
  rwsem,
  upRead,
  upWrite,
} from "../../machine/rwsem.ts";
import {
  readSeqcountBegin,
  readSeqcountRetry,
  type Seqcount,
  seqcount,
  writeSeqcountBegin,
  writeSeqcountEnd,
} from "../../machine/seqcount.ts";
import { type Srcu, srcu, srcuReadLock, srcuReadUnlock, synchronizeSrcu } from "../../machine/srcu.ts";
import { int, struct } from "../../machine/struct.ts";
import { choose, join, spawn, until } from "../../machine/wait.ts";
import { describePending } from "../../machine/waitFor.ts";
import { type WaitQueue, waitEvent, waitQueue, wakeUp } from "../../machine/waitQueue.ts";
import {
  type AcquireCtx,
  acquireCtx,
  WwMutex,
  wwAcquireFini,
  wwAcquireInit,
  wwClass,
  wwLock,
  wwLockSlow,
  wwMutex,
  wwTrylock,
  wwUnlock,
} from "../../machine/wwMutex.ts";
import type { Block, LockKind, RandomProgram } from "./ast.testkit.ts";

type AnyLock = Mutex | RwSem | FolioLock | WwMutex;

interface Box {
  value: number;
}

interface World {
  readonly locks: readonly AnyLock[];
  readonly cells: readonly Cell[];
  readonly fields: readonly Box[];
  readonly children: readonly Block[];
  /** What each task of the set-up read last, written when it ends. */
  readonly results: readonly Box[];
  readonly unguarded: Box;
  readonly tickets: readonly AcquireCtx[];
  readonly done: Completion;
  readonly fence: Fence;
  readonly srcu: Srcu;
  readonly refs: Refcount;
  readonly seq: Seqcount;
  readonly queue: WaitQueue;
}

function makeLock(kind: LockKind, name: string): AnyLock {
  switch (kind) {
    case "mutex":
      return mutex(name);
    case "spinlock":
      return spinlock(name);
    case "rwsem":
      return rwsem(name);
    case "queued rwsem":
      return rwsem(name, { queue: true });
    case "rwlock":
      return rwlock(name);
    case "folio":
      return folioLock(name);
    case "ww":
      return wwMutex(name);
  }
}

function take(l: AnyLock, shared: boolean): Task<unknown> {
  if (l instanceof RwSem) return shared ? downRead(l) : downWrite(l);
  if (l instanceof FolioLock) return lockFolio(l);
  return l instanceof WwMutex ? wwLock(l) : lock(l);
}

function tryTake(l: AnyLock, shared: boolean): Task<boolean> {
  if (l instanceof RwSem) return shared ? downReadTrylock(l) : downWriteTrylock(l);
  if (l instanceof FolioLock) return trylockFolio(l);
  return l instanceof WwMutex ? wwTrylock(l) : trylock(l);
}

function drop(l: AnyLock, shared: boolean): Task {
  if (l instanceof RwSem) return shared ? upRead(l) : upWrite(l);
  if (l instanceof FolioLock) return unlockFolio(l);
  return l instanceof WwMutex ? wwUnlock(l) : unlock(l);
}

/** Two ww mutexes under one ticket, with the way back when the other one is older. */
function* takeTwo(a: WwMutex, b: WwMutex, ctx: AcquireCtx): Task {
  yield* wwAcquireInit(ctx);
  yield* wwLock(a, ctx);
  if (a === b) return;
  if ((yield* wwLock(b, ctx)) !== -EDEADLK) return;
  yield* wwUnlock(a);
  yield* wwLockSlow(b, ctx);
  if ((yield* wwLock(a, ctx)) !== -EDEADLK) return;
  yield* wwUnlock(b);
  yield* wwLockSlow(a, ctx);
  const last = yield* wwLock(b, ctx);
  assert(last !== -EDEADLK, "a third attempt with the same ticket");
}

function* runTask(w: World, body: Block, n: number): Task {
  const last = yield* runBlock(w, body, n, 0, null);
  w.results[n].value = last;
}

function* runChild(w: World, body: Block): Task {
  yield* runBlock(w, body, -1, 0, null);
}

/** Gives back what was read last. Joins only what the same block has started last. */
function* runBlock(w: World, block: Block, n: number, before: number, parentChild: TaskInfo | null): Task<number> {
  let last = before;
  let child = parentChild;
  for (let i = 0; i < block.length; i++) {
    const s = block[i];
    switch (s.op) {
      case "section":
        yield* take(w.locks[s.lock], s.shared);
        last = yield* runBlock(w, s.body, n, last, child);
        yield* drop(w.locks[s.lock], s.shared);
        break;
      case "try":
        if (yield* tryTake(w.locks[s.lock], s.shared)) {
          last = yield* runBlock(w, s.body, n, last, child);
          yield* drop(w.locks[s.lock], s.shared);
        } else {
          last = yield* runBlock(w, s.otherwise, n, last, child);
        }
        break;
      case "take":
        yield* take(w.locks[s.lock], false);
        break;
      case "drop":
        yield* drop(w.locks[s.lock], false);
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
      case "peek":
        last = w.unguarded.value;
        break;
      case "poke":
        w.unguarded.value = s.value < 0 ? last : s.value;
        break;
      case "choose":
        last = yield* choose(s.n);
        break;
      case "if":
        last = yield* runBlock(w, last === s.value ? s.body : s.otherwise, n, last, child);
        break;
      case "twice":
        last = yield* runBlock(w, s.body, n, last, child);
        last = yield* runBlock(w, s.body, n, last, child);
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
      case "downgrade":
        yield* downWrite(w.locks[s.lock] as RwSem);
        last = yield* runBlock(w, s.body, n, last, child);
        yield* downgradeWrite(w.locks[s.lock] as RwSem);
        last = yield* runBlock(w, s.otherwise, n, last, child);
        yield* upRead(w.locks[s.lock] as RwSem);
        break;
      case "tickets":
        // Children have no ticket of their own.
        if (n < 0) break;
        yield* takeTwo(w.locks[s.lock] as WwMutex, w.locks[s.lock2] as WwMutex, w.tickets[n]);
        last = yield* runBlock(w, s.body, n, last, child);
        yield* wwUnlock(w.locks[s.lock] as WwMutex);
        if (s.lock !== s.lock2) yield* wwUnlock(w.locks[s.lock2] as WwMutex);
        yield* wwAcquireFini(w.tickets[n]);
        break;
      case "complete":
        yield* complete(w.done);
        break;
      case "completeAll":
        yield* completeAll(w.done);
        break;
      case "waitCompletion":
        yield* waitForCompletion(w.done);
        break;
      case "tryCompletion":
        last = (yield* tryWaitForCompletion(w.done)) ? 1 : 0;
        break;
      case "signal":
        yield* fenceSignal(w.fence);
        break;
      case "waitFence":
        yield* fenceWait(w.fence);
        break;
      case "isSignaled":
        last = (yield* fenceIsSignaled(w.fence)) ? 1 : 0;
        break;
      case "srcuRead": {
        const index = yield* srcuReadLock(w.srcu);
        last = yield* runBlock(w, s.body, n, last, child);
        yield* srcuReadUnlock(w.srcu, index);
        break;
      }
      case "synchronize":
        yield* synchronizeSrcu(w.srcu);
        break;
      case "refGet":
        yield* refGet(w.refs);
        break;
      case "refTry":
        last = (yield* refGetUnlessZero(w.refs)) ? 1 : 0;
        break;
      case "refPut":
        last = (yield* refPut(w.refs)) ? 1 : 0;
        break;
      case "refUntil":
        yield* refUntil(w.refs, s.value);
        break;
      case "seqRead": {
        const start = yield* readSeqcountBegin(w.seq);
        const a = yield* readOnce(w.cells[s.cell]);
        const b = yield* readOnce(w.cells[s.cell2]);
        last = (yield* readSeqcountRetry(w.seq, start)) ? -1 : 4 * a + b;
        break;
      }
      case "seqWrite":
        yield* writeSeqcountBegin(w.seq);
        last = yield* runBlock(w, s.body, n, last, child);
        yield* writeSeqcountEnd(w.seq);
        break;
      case "waitEvent":
        yield* waitEvent(w.queue, w.cells[s.cell], s.value);
        break;
      case "wake":
        yield* wakeUp(w.queue);
        break;
    }
  }
  return last;
}

/** Sets up `p` as a machine. */
export function setUp(p: RandomProgram): (m: Machine) => void {
  return (m) => {
    const locks = p.locks.map((kind, i) => makeLock(kind, `lock${i}`));
    const cells = p.cells.map((value, i) => cell(`cell${i}`, value));
    const fields = p.fields.map((guard, i) =>
      struct("box", { value: int({ guardedBy: () => locks[guard] }) }).create(`box${i}`),
    );
    const results = p.tasks.map((_, i) => struct("result", { value: int() }).create(`result${i}`));
    const ww = wwClass("wwClass");
    const world: World = {
      locks,
      cells,
      fields,
      children: p.children,
      results,
      unguarded: struct("plain", { value: int() }).create("plain"),
      tickets: p.tasks.map((_, i) => acquireCtx(`ticket${i}`, ww)),
      done: completion("done"),
      fence: fence("fence"),
      srcu: srcu("srcu"),
      refs: refcount("refs"),
      seq: seqcount("seq"),
      queue: waitQueue("queue"),
    };
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
    .filter((e) => e.size === 1 && /^(cell\d+|(box|result)\d+\.value)$/.test(e.name))
    .map((e) => `${e.name}=${m.words[e.at]}`);
  const tasks = m.tasks.map((t) => {
    const state = m.stateOf(t.slot);
    if (state === LIVE) return `${t.name}: ${describePending(m, t.slot)}`;
    return state === DONE ? "ended" : state === FAILED ? "stopped" : "unused";
  });
  return `${data.join(" ")} | ${tasks.join(", ")}`;
}
