/**
 * Completions: a counter of events that have happened but were not yet waited for.
 *
 *   done     0 nothing yet, n waits will pass, -1 every wait passes (complete_all)
 *   owner    slot + 1 of the task that said it will complete it, 0 = nobody did
 *
 * `complete` only lets others go on, so it is no scheduling point unless somebody can look (try_wait, completion_done) or
 * take it back (reinit).
 */
import { mightSleep } from "./context.ts";
import { current, defineOp, type Handle, immediately, keepOrder, objectAt, pend, type Task, W } from "./core.ts";
import { noteTried, releaseIsVisible } from "./lock.ts";
import { nameWords, settingUpMachine, type TaskInfo, takeWords } from "./machine.ts";
import { checkPromise, promisedBy } from "./promise.ts";
import { type Embedded, embedded } from "./struct.ts";

const OWNER = 1;
const WORDS = 2;
const ALL = -1;

export class Completion implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;

  constructor(at: number, name: string) {
    this.at = at;
    this.name = name;
    this.id = settingUpMachine("a completion").register(this, at);
    nameWords(at, name, { "": "int", owner: "owner" });
  }
}

/** A completion that stands alone; as a field of a struct use `completionField()`. */
export function completion(name: string): Completion {
  return new Completion(takeWords(WORDS, name), name);
}

export function completionField(): Embedded<Completion> {
  return embedded(WORDS, (at, name) => new Completion(at, name));
}

const completionAt = (at: number): Completion => objectAt(at) as Completion;

function add(at: number, n: number): void {
  checkPromise(completionAt(at), OWNER, "completed");
  W[at] = n === ALL || W[at] === ALL ? ALL : W[at] + n;
}

function passOne(at: number): void {
  if (W[at] !== ALL) W[at]--;
}

const waitOp = defineOp({
  name: "waitForCompletion",
  waits: "all",
  sleeps: true,
  enabled: (at) => W[at] !== 0,
  apply: passOne,
  owners: (at) => promisedBy(at + OWNER),
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `wait for completion of ${completionAt(at).name}`,
});

const completeOp = defineOp({
  name: "complete",
  releases: true,
  enabled: () => true,
  apply: add,
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at, n) => `complete${n === ALL ? " all of" : ""} ${completionAt(at).name}`,
});

const tryOp = defineOp({
  name: "tryWaitForCompletion",
  enabled: () => true,
  apply: (at, takes) => {
    noteTried(at);
    if (W[at] === 0) return false;
    if (takes === 1) passOne(at);
    return true;
  },
  access: (at, takes, _b, _t, out) => (takes === 1 && W[at] !== 0 ? out.write(at) : out.read(at)),
  describe: (at) => `is ${completionAt(at).name} complete?`,
});

const reinitOp = defineOp({
  name: "reinitCompletion",
  enabled: () => true,
  apply: (at) => {
    noteTried(at);
    W[at] = 0;
  },
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `reinit ${completionAt(at).name}`,
});

/** wait_for_completion: passes once for each `complete`, always after `completeAll`. */
export function waitForCompletion(c: Completion): Task {
  mightSleep("wait for", c.name);
  return pend(waitOp, c.at) as never;
}

function completeBy(c: Completion, n: number): Task {
  if (releaseIsVisible(c.at)) return pend(completeOp, c.at, n) as never;
  add(c.at, n);
  return immediately(undefined) as never;
}

/** complete: lets one waiter pass. Raises an `assertion` finding when another task has promised it. */
export function complete(c: Completion): Task {
  return completeBy(c, 1);
}

/** complete_all: lets all waiters pass, for ever. */
export function completeAll(c: Completion): Task {
  return completeBy(c, ALL);
}

/** try_wait_for_completion: true when it passed. */
export function tryWaitForCompletion(c: Completion): Task<boolean> {
  return pend(tryOp, c.at, 1) as never;
}

/** completion_done: would a wait pass? */
export function completionDone(c: Completion): Task<boolean> {
  return pend(tryOp, c.at, 0) as never;
}

/** reinit_completion. */
export function reinitCompletion(c: Completion): Task {
  return pend(reinitOp, c.at) as never;
}

/**
 * Only `task` (in task code: the running one) will complete it: a wait for it is then a wait for that task, and a cycle of
 * such waits is a deadlock at once.
 */
export function completedBy(c: Completion, task?: TaskInfo): void {
  W[c.at + OWNER] = (task ? task.slot : current) + 1;
  keepOrder();
}
