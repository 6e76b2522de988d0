/**
 * Reference counts that can be waited for. Two kinds:
 *
 *   plain     one word; who holds the references is not known, so a wait for them names nobody
 *   tracked   9 words: the count, then 4 bits for each of 64 task slots, how many references that task holds. Only their
 *             holders may put them, so "wait until all are gone" is a wait for those tasks, like for a lock
 */
import { mightSleep } from "./context.ts";
import { current, defineOp, type Handle, keepOrder, objectAt, pend, type Task, W } from "./core.ts";
import { Finding } from "./finding.ts";
import { activeMachine, nameWords, settingUpMachine, type TaskInfo, takeWords } from "./machine.ts";
import { type Embedded, embedded } from "./struct.ts";

export interface RefcountOptions {
  readonly initial?: number;
  /** Remember which tasks hold references; give those of the start with `hold`, as `initial` ones belong to nobody. */
  readonly tracked?: boolean;
  /** A get at 0 is a use after the free (the default); false for counts of users or pins that may rise again. */
  readonly zeroIsFinal?: boolean;
}

const HOLDERS = 1;
const HOLDER_WORDS = 8;
const MAX_HELD = 15;

export class Refcount implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;
  readonly tracked: boolean;
  readonly zeroIsFinal: boolean;

  constructor(at: number, name: string, options: RefcountOptions) {
    this.at = at;
    this.name = name;
    this.tracked = options.tracked ?? false;
    this.zeroIsFinal = options.zeroIsFinal ?? true;
    this.id = settingUpMachine("a reference count").register(this, at);
    nameWords(at, name, { "": "int" });
    W[at] = options.initial ?? 1;
  }

  /** Set-up: one more reference, held by `task`. */
  hold(task: TaskInfo): void {
    change(this.at, task.slot, 1);
  }

  /** Slots of the tasks that are known to hold references. */
  holders(): number[] {
    if (!this.tracked) return [];
    return activeMachine()
      .tasks.map((t) => t.slot)
      .filter((t) => held(this.at, t) > 0);
  }
}

const wordsOf = (options: RefcountOptions): number => (options.tracked ? 1 + HOLDER_WORDS : 1);

/** A reference count that stands alone, 1 at first; as a field of a struct use `refcountField()`. */
export function refcount(name: string, options: RefcountOptions = {}): Refcount {
  return new Refcount(takeWords(wordsOf(options), name), name, options);
}

export function refcountField(options: RefcountOptions = {}): Embedded<Refcount> {
  return embedded(wordsOf(options), (at, name) => new Refcount(at, name, options));
}

const refAt = (at: number): Refcount => objectAt(at) as Refcount;

function held(at: number, t: number): number {
  return (W[at + HOLDERS + (t >> 3)] >>> ((t & 7) * 4)) & MAX_HELD;
}

function change(at: number, task: number, by: 1 | -1): void {
  const r = refAt(at);
  if (r.tracked) {
    const n = held(at, task) + by;
    const name = activeMachine().tasks[task].name;
    if (n < 0) throw new Finding("assertion", `${name} puts a reference of ${r.name} that it does not hold`);
    if (n > MAX_HELD) throw new Finding("assertion", `${name} holds more than ${MAX_HELD} references of ${r.name}`);
    const shift = (task & 7) * 4;
    const word = at + HOLDERS + (task >> 3);
    W[word] = (W[word] & ~(MAX_HELD << shift)) | (n << shift);
  }
  if (W[at] + by < 0) throw new Finding("assertion", `${r.name} drops below zero`);
  W[at] += by;
}

const getOp = defineOp({
  name: "refGet",
  enabled: () => true,
  apply: (at, _a, _b, task) => {
    const r = refAt(at);
    if (W[at] === 0 && r.zeroIsFinal) {
      throw new Finding("use-after-free", `a reference of ${r.name} is taken after the last put`);
    }
    change(at, task, 1);
  },
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `get ${refAt(at).name}`,
});

const tryGetOp = defineOp({
  name: "refGetUnlessZero",
  enabled: () => true,
  apply: (at, _a, _b, task) => {
    if (W[at] === 0) return false;
    change(at, task, 1);
    return true;
  },
  access: (at, _a, _b, _t, out) => (W[at] === 0 ? out.read(at) : out.write(at)),
  describe: (at) => `get ${refAt(at).name} unless zero`,
});

const putOp = defineOp({
  name: "refPut",
  enabled: () => true,
  apply: (at, _a, _b, task) => {
    change(at, task, -1);
    return W[at] === 0;
  },
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `put ${refAt(at).name}`,
});

const untilKind = {
  sleeps: true,
  enabled: (at: number, n: number) => W[at] <= n,
  apply: () => undefined,
  owners: (at: number) => refAt(at).holders(),
  access: (at, _n, _b, _t, out) => out.read(at),
  describe: (at: number, n: number) => `wait until ${refAt(at).name} is ${n === 0 ? "0" : `at most ${n}`}`,
} as const satisfies Partial<Parameters<typeof defineOp>[0]>;

/** Down to 0: each holder must put. */
const untilZeroOp = defineOp({ name: "refUntilZero", waits: "all", ...untilKind });
/** Down to n > 0, or holders that are not known: some put or other will do. */
const untilOp = defineOp({ name: "refUntil", waits: "any", ...untilKind });

/** refcount_inc. Raises `use-after-free` when the count is 0 and that is final. */
export function refGet(r: Refcount): Task {
  return pend(getOp, r.at) as never;
}

/** refcount_inc_not_zero: false when the last reference is gone. */
export function refGetUnlessZero(r: Refcount): Task<boolean> {
  return pend(tryGetOp, r.at) as never;
}

/** refcount_dec_and_test: true when that was the last one. Raises an `assertion` finding below zero. */
export function refPut(r: Refcount): Task<boolean> {
  return pend(putOp, r.at) as never;
}

/** Sleeps until the count is at most `n`. */
export function refUntil(r: Refcount, n = 0): Task {
  mightSleep("wait for", r.name);
  return pend(r.tracked && n === 0 ? untilZeroOp : untilOp, r.at, n) as never;
}

/** The running task's reference now belongs to `to` (a slot): hands over who must put it. Tracked counts only. */
export function refHandOver(r: Refcount, to: number): void {
  change(r.at, current, -1);
  change(r.at, to, 1);
  keepOrder();
}
