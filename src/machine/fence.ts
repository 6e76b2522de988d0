/**
 * One-shot fences (dma_fence): unsignaled until the task that owns the work signals it. A wait for a fence is a wait for
 * that task, so "the callback waits for a job whose submission waits for the callback" is a cycle like any other.
 *
 *   signaled   0 or 1
 *   owner      slot + 1 of the task that will signal, 0 = nobody in particular
 */
import { mightSleep } from "./context.ts";
import { current, defineOp, type Handle, immediately, keepOrder, objectAt, pend, type Task, W } from "./core.ts";
import { Finding } from "./finding.ts";
import { noteTried, releaseIsVisible } from "./lock.ts";
import { nameWords, settingUpMachine, type TaskInfo, takeWords } from "./machine.ts";
import { checkPromise, promisedBy } from "./promise.ts";
import { type Embedded, embedded } from "./struct.ts";

const OWNER = 1;
const WORDS = 2;

export class Fence implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;

  constructor(at: number, name: string) {
    this.at = at;
    this.name = name;
    this.id = settingUpMachine("a fence").register(this, at);
    nameWords(at, name, { "": "bool", owner: "owner" });
  }
}

/** A fence that stands alone; as a field of a struct use `fenceField()`. `signaled`: nothing to wait for at first. */
export function fence(name: string, options: { readonly signaled?: boolean } = {}): Fence {
  const f = new Fence(takeWords(WORDS, name), name);
  W[f.at] = options.signaled ? 1 : 0;
  return f;
}

export function fenceField(options: { readonly signaled?: boolean } = {}): Embedded<Fence> {
  return embedded(WORDS, (at, name) => {
    W[at] = options.signaled ? 1 : 0;
    return new Fence(at, name);
  });
}

const fenceAt = (at: number): Fence => objectAt(at) as Fence;

function signal(at: number): void {
  checkPromise(fenceAt(at), OWNER, "signaled");
  if (W[at] !== 0) throw new Finding("assertion", `${fenceAt(at).name} is signaled twice`);
  W[at] = 1;
  W[at + OWNER] = 0;
}

const waitOp = defineOp({
  name: "fenceWait",
  waits: "all",
  sleeps: true,
  enabled: (at) => W[at] !== 0,
  apply: () => undefined,
  owners: (at) => promisedBy(at + OWNER),
  access: (at, _a, _b, _t, out) => out.read(at),
  describe: (at) => `wait for ${fenceAt(at).name}`,
});

const signalOp = defineOp({
  name: "fenceSignal",
  releases: true,
  enabled: () => true,
  apply: signal,
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `signal ${fenceAt(at).name}`,
});

const peekOp = defineOp({
  name: "fenceIsSignaled",
  enabled: () => true,
  apply: (at) => {
    noteTried(at);
    return W[at] !== 0;
  },
  access: (at, _a, _b, _t, out) => out.read(at),
  describe: (at) => `is ${fenceAt(at).name} signaled?`,
});

const initOp = defineOp({
  name: "fenceInit",
  enabled: () => true,
  apply: (at, owner) => {
    noteTried(at);
    W[at] = 0;
    W[at + OWNER] = owner;
  },
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `arm ${fenceAt(at).name}`,
});

/** dma_fence_wait: returns when it is signaled. */
export function fenceWait(f: Fence): Task {
  mightSleep("wait for", f.name);
  return pend(waitOp, f.at) as never;
}

/** dma_fence_signal. Raises an `assertion` finding when it is signaled already or another task has promised to. */
export function fenceSignal(f: Fence): Task {
  if (releaseIsVisible(f.at)) return pend(signalOp, f.at) as never;
  signal(f.at);
  return immediately(undefined) as never;
}

/** dma_fence_is_signaled. */
export function fenceIsSignaled(f: Fence): Task<boolean> {
  return pend(peekOp, f.at) as never;
}

/** dma_fence_init on memory that was a fence before: unsignaled again, to be signaled by the running task. */
export function fenceInit(f: Fence): Task {
  return pend(initOp, f.at, current + 1) as never;
}

/** Only `task` (in task code: the running one) will signal it, so a wait for it is a wait for that task. */
export function signaledBy(f: Fence, task?: TaskInfo): void {
  W[f.at + OWNER] = (task ? task.slot : current) + 1;
  keepOrder();
}
