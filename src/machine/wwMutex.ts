/**
 * Wound/wait mutexes: a task takes many locks of one class in any order under an acquire context with a ticket. Where
 * two tasks would wait for each other, the one with the younger ticket gets -EDEADLK, drops all its locks, waits for the
 * contended one (`wwLockSlow`) and starts over with the same ticket.
 *
 *   wound-wait   an older waiter wounds the holder: the holder backs off where it has to wait itself
 *   wait-die     a younger waiter backs off at once; an older one waits
 *
 * Words of a lock: owner (slot + 1), context of the owner (handle number + 1, 0 = none).
 * Words of a context: its rank among the live tickets of the class (1 = oldest, 0 = not in use), locks held, wounded.
 * Ranks instead of tickets: when a context ends, the younger ones move up, so that equal situations stay equal words.
 */
import { mightSleep } from "./context.ts";
import {
  baseOf,
  current,
  defineOp,
  type Handle,
  handleOf,
  immediately,
  objectAt,
  pend,
  T_ARG,
  T_OBJ,
  T_OP,
  type Task,
  W,
} from "./core.ts";
import { EALREADY, EDEADLK } from "./errno.ts";
import { Finding } from "./finding.ts";
import { Lock, noteAcquired, noteReleased, noteTried, notHeld, releaseIsVisible } from "./lock.ts";
import { activeMachine, nameWords, settingUpMachine, takeWords } from "./machine.ts";
import type { AccessSink } from "./op.ts";
import { type Embedded, embedded } from "./struct.ts";

export type WwAlgorithm = "wound-wait" | "wait-die";

/** A class of ww mutexes: its word counts the live contexts. */
export class WwClass implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;
  readonly algorithm: WwAlgorithm;
  readonly contexts: AcquireCtx[] = [];

  constructor(at: number, name: string, algorithm: WwAlgorithm) {
    this.at = at;
    this.name = name;
    this.algorithm = algorithm;
    this.id = settingUpMachine(name).register(this, at);
    nameWords(at, name, { "": "int" });
  }
}

const ACQUIRED = 1;
const WOUNDED = 2;

/** ww_acquire_ctx; in the kernel it lives on the stack of its task, here it is declared in the set-up. */
export class AcquireCtx implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;
  readonly wwClass: WwClass;

  constructor(at: number, name: string, wwClass: WwClass) {
    this.at = at;
    this.name = name;
    this.wwClass = wwClass;
    this.id = settingUpMachine(name).register(this, at);
    wwClass.contexts.push(this);
    nameWords(at, name, { "": "int", acquired: "int", wounded: "bool" });
  }
}

const CTX = 1;
const WORDS = 2;

export class WwMutex extends Lock {
  readonly kind = "wwMutex";

  constructor(at: number, name: string, lockClass: string) {
    super(at, name, lockClass);
    nameWords(at, name, { "": "owner", ctx: "ref" });
  }

  heldBy(t: number): boolean {
    return W[this.at] === t + 1;
  }

  override holders(): number[] {
    return W[this.at] === 0 ? [] : [W[this.at] - 1];
  }
}

/** DEFINE_WW_CLASS, DEFINE_WD_CLASS. */
export function wwClass(name: string, algorithm: WwAlgorithm = "wound-wait"): WwClass {
  return new WwClass(takeWords(1, name), name, algorithm);
}

/** Set-up: a context that one task at a time may use. */
export function acquireCtx(name: string, c: WwClass): AcquireCtx {
  return new AcquireCtx(takeWords(3, name), name, c);
}

/** A ww mutex that stands alone; as a field of a struct use `wwMutexField()`. */
export function wwMutex(name: string, lockClass = "wwMutex"): WwMutex {
  return new WwMutex(takeWords(WORDS, name), name, lockClass);
}

export function wwMutexField(): Embedded<WwMutex> {
  return embedded(WORDS, (at, name, className) => new WwMutex(at, name, className));
}

const wwAt = (at: number): WwMutex => objectAt(at) as WwMutex;
const ctxAt = (at: number): AcquireCtx => objectAt(at) as AcquireCtx;
/** Context under which the lock at `at` is held; null if it is free or held without one. */
const holderCtx = (at: number): AcquireCtx | null =>
  W[at + CTX] === 0 ? null : (handleOf(W[at + CTX] - 1) as AcquireCtx);

/** Contexts of the tasks that wait for the lock at `at`, that of task slot `except` left out. */
function waitingContexts(at: number, except: number): AcquireCtx[] {
  return activeMachine().tasks.flatMap(({ slot }) => {
    const b = baseOf(slot);
    const waits = slot !== except && W[b + T_OP] === waitOp.id && W[b + T_OBJ] === at && W[b + T_ARG] !== 0;
    return waits ? [ctxAt(W[b + T_ARG])] : [];
  });
}

/** Must the task that holds locks under `ctx` give up waiting for the lock at `at`? */
function mustBackOff(at: number, ctx: number, task: number): boolean {
  if (ctx === 0 || W[ctx + ACQUIRED] === 0) return false;
  if (ctxAt(ctx).wwClass.algorithm === "wound-wait") return W[ctx + WOUNDED] !== 0;
  const older = (other: AcquireCtx | null): boolean => other !== null && W[other.at] < W[ctx];
  return older(holderCtx(at)) || waitingContexts(at, task).some(older);
}

/** The holder that the waiter under `ctx` wounds: it is younger, and the waiter has locks that it may want. */
function victim(at: number, ctx: number): AcquireCtx | null {
  if (ctx === 0 || W[ctx + ACQUIRED] === 0 || ctxAt(ctx).wwClass.algorithm !== "wound-wait") return null;
  const holder = holderCtx(at);
  return holder !== null && W[holder.at] > W[ctx] ? holder : null;
}

function take(at: number, ctx: number, task: number): number {
  noteAcquired(wwAt(at), "exclusive");
  W[at] = task + 1;
  if (ctx === 0) return 0;
  W[at + CTX] = ctxAt(ctx).id + 1;
  W[ctx + ACQUIRED]++;
  for (const waiter of waitingContexts(at, task)) if (victim(at, waiter.at) !== null) W[ctx + WOUNDED] = 1;
  return 0;
}

function access(at: number, ctx: number, out: AccessSink): void {
  out.write(at);
  if (ctx === 0) return;
  out.write(ctx + WOUNDED);
  const wounded = victim(at, ctx);
  if (wounded !== null) out.write(wounded.at + WOUNDED);
}

const lockOp = defineOp({
  name: "wwLock",
  waits: "all",
  sleeps: true,
  acquires: "exclusive",
  // Without a context it is an ordinary mutex. With one, arriving at a taken lock is an event: it may wound or die.
  enabled: (at, ctx) => W[at] === 0 || ctx !== 0,
  apply: (at, ctx, _arg2, task) => {
    if (ctx !== 0) {
      noteTried(at);
      if (W[at + CTX] === ctxAt(ctx).id + 1) return -EALREADY;
      if (W[ctx + ACQUIRED] === 0) W[ctx + WOUNDED] = 0;
    }
    if (W[at] === 0) return take(at, ctx, task);
    if (mustBackOff(at, ctx, task)) return -EDEADLK;
    const wounded = victim(at, ctx);
    if (wounded !== null) W[wounded.at + WOUNDED] = 1;
    return pend(waitOp, at, ctx);
  },
  owners: (at) => wwAt(at).holders(),
  access: (at, ctx, _arg2, _task, out) => access(at, ctx, out),
  describe: (at) => `lock ${wwAt(at).name}`,
});

const waitOp = defineOp({
  name: "wwWait",
  waits: "all",
  sleeps: true,
  enabled: (at, ctx, _arg2, task) => W[at] === 0 || mustBackOff(at, ctx, task),
  apply: (at, ctx, _arg2, task) => (W[at] === 0 ? take(at, ctx, task) : -EDEADLK),
  owners: (at) => wwAt(at).holders(),
  access: (at, ctx, _arg2, _task, out) => access(at, ctx, out),
  describe: (at) => `lock ${wwAt(at).name}, in its queue`,
});

const unlockOp = defineOp({
  name: "wwUnlock",
  releases: true,
  enabled: () => true,
  apply: (at) => release(at),
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `unlock ${wwAt(at).name}`,
});

function release(at: number): void {
  noteReleased(wwAt(at));
  const ctx = holderCtx(at);
  if (ctx !== null) W[ctx.at + ACQUIRED]--;
  W[at] = 0;
  W[at + CTX] = 0;
}

const trylockOp = defineOp({
  name: "wwTrylock",
  enabled: () => true,
  apply: (at, ctx, _arg2, task) => {
    noteTried(at);
    if (W[at] !== 0) return false;
    take(at, ctx, task);
    return true;
  },
  access: (at, ctx, _arg2, _task, out) => (W[at] === 0 ? access(at, ctx, out) : out.read(at)),
  describe: (at) => `trylock ${wwAt(at).name}`,
});

const initOp = defineOp({
  name: "wwAcquireInit",
  enabled: () => true,
  apply: (at) => {
    const c = ctxAt(at).wwClass;
    W[at] = ++W[c.at];
  },
  access: (at, _a, _b, _t, out) => {
    out.write(ctxAt(at).wwClass.at);
    out.write(at);
  },
  describe: (at) => `take a ticket for ${ctxAt(at).name}`,
});

/** ww_acquire_init: takes a ticket. Raises an `assertion` finding when the context is in use already. */
export function wwAcquireInit(ctx: AcquireCtx): Task {
  if (W[ctx.at] !== 0) throw new Finding("assertion", `${ctx.name} is initialised while it is in use`);
  return pend(initOp, ctx.at) as never;
}

/**
 * ww_acquire_fini: gives the ticket back. Raises an `assertion` finding when locks are still held under it. Younger
 * contexts keep their order, so nobody can notice: no scheduling point.
 */
export function wwAcquireFini(ctx: AcquireCtx): Task {
  if (W[ctx.at + ACQUIRED] !== 0) throw new Finding("assertion", `${ctx.name} ends with locks still held`);
  const rank = W[ctx.at];
  for (const other of ctx.wwClass.contexts) if (W[other.at] > rank) W[other.at]--;
  W[ctx.wwClass.at]--;
  W[ctx.at] = 0;
  W[ctx.at + WOUNDED] = 0;
  return immediately(undefined) as never;
}

/**
 * ww_mutex_lock: 0, -EALREADY when it is held under `ctx` already, -EDEADLK when the caller must drop its locks and start
 * over. Without a context it is mutex_lock.
 */
export function wwLock(l: WwMutex, ctx: AcquireCtx | null = null): Task<number> {
  mightSleep("lock", l.name);
  if (ctx !== null && W[ctx.at] === 0) throw new Finding("assertion", `${ctx.name} is used before wwAcquireInit`);
  return pend(lockOp, l.at, ctx === null ? 0 : ctx.at) as never;
}

/** ww_mutex_lock_slow: after -EDEADLK, with all locks dropped; never fails. Raises an `assertion` finding otherwise. */
export function wwLockSlow(l: WwMutex, ctx: AcquireCtx): Task<number> {
  if (W[ctx.at + ACQUIRED] !== 0) {
    throw new Finding("assertion", `wwLockSlow(${l.name}) with other locks held under ${ctx.name}: drop them first`);
  }
  return wwLock(l, ctx);
}

/** ww_mutex_unlock. Raises an `assertion` finding when the caller does not hold it. */
export function wwUnlock(l: WwMutex): Task {
  if (W[l.at] !== current + 1) throw notHeld(l);
  if (releaseIsVisible(l.at)) return pend(unlockOp, l.at) as never;
  release(l.at);
  return immediately(undefined) as never;
}

/** ww_mutex_trylock: true when it was free and now is ours. */
export function wwTrylock(l: WwMutex, ctx: AcquireCtx | null = null): Task<boolean> {
  return pend(trylockOp, l.at, ctx === null ? 0 : ctx.at) as never;
}
