/**
 * Cells: words that several tasks touch without a common lock (READ_ONCE, atomic_t, cmpxchg). Each access is a
 * scheduling point of its own, so every interleaving of accesses is explored.
 */

import { asWord } from "./badValue.ts";
import {
  answer,
  atOnce,
  checking,
  defineOp,
  type Handle,
  isProbingNow,
  isTouched,
  noteProbeRead,
  pend,
  setTouched,
  type Task,
  W,
} from "./core.ts";
import { Finding } from "./finding.ts";
import { nameOfWord as nameAt, settingUpMachine, takeWords } from "./machine.ts";
import { type Embedded, embedded } from "./struct.ts";

const REMEDY = "use readOnce, writeOnce, or touch";

export class Cell implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;

  constructor(at: number, name: string) {
    this.at = at;
    this.name = name;
    this.id = settingUpMachine("a cell").register(this, at);
  }

  /** Set-up, invariants, conditions of `until`, and steps that begin with `touch(cell)`. Else a `data-race` finding. */
  get value(): number {
    if (isProbingNow()) noteProbeRead(this.at);
    else if (checking && !isTouched(this.at)) {
      throw new Finding("data-race", `${this.name} is read without a scheduling point: ${REMEDY}`);
    }
    return W[this.at];
  }

  set value(v: number) {
    if (checking && !isTouched(this.at)) {
      throw new Finding("data-race", `${this.name} is written without a scheduling point: ${REMEDY}`);
    }
    W[this.at] = asWord(v, this);
  }
}

/** A cell that stands alone. */
export function cell(name: string, initial = 0): Cell {
  const at = takeWords(1, name);
  W[at] = initial;
  return new Cell(at, name);
}

/** A word of a struct that several tasks access without a lock. */
export function cellField(initial = 0): Embedded<Cell> {
  return embedded(1, (at, name) => {
    W[at] = initial;
    return new Cell(at, name);
  });
}

// What the operations on words do, for those whose effect is called directly where nobody can come in between (`atOnce`).

const add = (at: number, n: number): number => {
  const old = W[at];
  W[at] = old + n;
  return old;
};

const refAdd = (at: number, n: number): number => {
  const old = W[at];
  if (old <= 0) throw new Finding("use-after-free", `${nameAt(at)} is ${old} and is to change by ${n}`);
  W[at] = old + n;
  return old;
};

const refTryAdd = (at: number, n: number): boolean => {
  if (W[at] <= 0) return false;
  W[at] += n;
  return true;
};

const refPut = (at: number, n: number): boolean => {
  const old = W[at];
  if (old < n) throw new Finding("use-after-free", `${nameAt(at)} is ${old} and is to lose ${n}`);
  W[at] = old - n;
  return old === n;
};

const exchangeIf = (at: number, expected: number, desired: number): number => {
  const old = W[at];
  if (old === expected) W[at] = desired;
  return old;
};

const readOp = defineOp({
  name: "read",
  enabled: () => true,
  apply: (at) => W[at],
  access: (at, _a, _b, _t, out) => out.read(at),
  describe: (at) => `read ${nameAt(at)}`,
});

/** Is it at least `n`? */
const atLeastOp = defineOp({
  name: "atLeast",
  enabled: () => true,
  apply: (at, n) => W[at] >= n,
  access: (at, _a, _b, _t, out) => out.read(at),
  describe: (at, n) => `read ${nameAt(at)}: is it at least ${n}?`,
});

const maskOp = defineOp({
  name: "readBits",
  enabled: () => true,
  apply: (at, mask) => W[at] & mask,
  access: (at, _a, _b, _t, out) => out.read(at),
  describe: (at) => `read ${nameAt(at)}`,
});

const writeOp = defineOp({
  name: "write",
  enabled: () => true,
  apply: (at, arg) => {
    W[at] = arg;
  },
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at, arg) => `write ${nameAt(at)} = ${arg}`,
});

const addOp = defineOp({
  name: "add",
  enabled: () => true,
  apply: add,
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at, arg) => `${nameAt(at)} ${arg < 0 ? `-= ${-arg}` : `+= ${arg}`}`,
});

/** Adds to a count that may not be 0. */
const refAddOp = defineOp({
  name: "refAdd",
  enabled: () => true,
  apply: refAdd,
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at, n) => `${nameAt(at)} ${n < 0 ? `-= ${-n}` : `+= ${n}`}`,
});

/** Adds to a count unless that is 0. Failing, it only reads. */
const refTryAddOp = defineOp({
  name: "refTryAdd",
  enabled: () => true,
  apply: refTryAdd,
  access: (at, _n, _b, _t, out) => (W[at] <= 0 ? out.read(at) : out.write(at)),
  describe: (at, n) => `${nameAt(at)} += ${n} unless it is 0`,
});

/** Is it 0 afterwards? */
const refPutOp = defineOp({
  name: "refPut",
  enabled: () => true,
  apply: refPut,
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at, n) => `${nameAt(at)} -= ${n}`,
});

const exchangeOp = defineOp({
  name: "exchange",
  enabled: () => true,
  apply: (at, arg) => {
    const old = W[at];
    W[at] = arg;
    return old;
  },
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at, arg) => `exchange ${nameAt(at)}, ${arg}`,
});

/** A failed compare-and-exchange only reads. */
const cmpxchgOp = defineOp({
  name: "cmpxchg",
  enabled: () => true,
  apply: exchangeIf,
  access: (at, expected, _d, _t, out) => (W[at] === expected ? out.write(at) : out.read(at)),
  describe: (at, expected, desired) => `cmpxchg ${nameAt(at)}, ${expected} -> ${desired}`,
});

const replace = (at: number, expected: number, desired: number): boolean =>
  exchangeIf(at, expected, desired) === expected;

const replaceOp = defineOp({
  name: "replace",
  enabled: () => true,
  apply: replace,
  access: (at, expected, _d, _t, out) => (W[at] === expected ? out.write(at) : out.read(at)),
  describe: (at, expected, desired) => `cmpxchg ${nameAt(at)}, ${expected} -> ${desired}`,
});

const touchOp = defineOp({
  name: "touch",
  enabled: () => true,
  apply: (at, arg) => {
    setTouched(at, arg);
  },
  access: (at, arg, _b, _t, out) => {
    out.write(at);
    if (arg !== 0) out.write(arg);
  },
  describe: (at, arg) => `update ${nameAt(at)}${arg === 0 ? "" : ` and ${nameAt(arg)}`}`,
});

const pointOp = defineOp({
  name: "point",
  enabled: () => true,
  apply: () => undefined,
  access: (_at, _a, _b, _t, out) => out.top(),
  describe: () => "go on",
});

/** READ_ONCE. */
export function readOnce(c: Cell): Task<number> {
  return readWord(c.at);
}

/** WRITE_ONCE. */
export function writeOnce(c: Cell, value: number): Task {
  return pend(writeOp, c.at, asWord(value, c)) as never;
}

/** atomic_fetch_add: the old value. */
export function fetchAdd(c: Cell, n: number): Task<number> {
  return pend(addOp, c.at, asWord(n, c)) as never;
}

/** xchg: the old value. */
export function exchange(c: Cell, value: number): Task<number> {
  return pend(exchangeOp, c.at, asWord(value, c)) as never;
}

/** cmpxchg: the old value; the exchange took place iff it equals `expected`. */
export function cmpxchg(c: Cell, expected: number, desired: number): Task<number> {
  return pend(cmpxchgOp, c.at, asWord(expected, c), asWord(desired, c)) as never;
}

/** A scheduling point after which this step may read and write the `value` of one or two cells as one atomic action. */
export function touch(c: Cell, c2?: Cell): Task {
  return pend(touchOp, c.at, c2 ? c2.at : 0) as never;
}

/** A bare scheduling point: anything may happen here. Conflicts with everything, so prefer the others. */
export function point(): Task {
  return pend(pointOp, 0) as never;
}

// The same for words without a handle of their own, such as those of columns (`columns.wordOf`).

/** READ_ONCE of word `at`. */
export function readWord(at: number): Task<number> {
  return (atOnce() ? answer(W[at]) : pend(readOp, at)) as never;
}

/** READ_ONCE of word `at`: is it at least `n`? */
export function wordAtLeast(at: number, n: number): Task<boolean> {
  return (atOnce() ? answer(W[at] >= n) : pend(atLeastOp, at, n)) as never;
}

/** READ_ONCE of word `at`: its bits of `mask`. */
export function readWordBits(at: number, mask: number): Task<number> {
  return (atOnce() ? answer(W[at] & mask) : pend(maskOp, at, mask)) as never;
}

/** WRITE_ONCE of word `at`. */
export function writeWord(at: number, value: number): Task {
  return pend(writeOp, at, value) as never;
}

/** atomic_fetch_add of word `at`: the old value. */
export function addWord(at: number, n: number): Task<number> {
  return (atOnce() ? answer(add(at, n)) : pend(addOp, at, n)) as never;
}

/** cmpxchg of word `at`: the old value. */
export function cmpxchgWord(at: number, expected: number, desired: number): Task<number> {
  return (atOnce() ? answer(exchangeIf(at, expected, desired)) : pend(cmpxchgOp, at, expected, desired)) as never;
}

/** Does word `at` have the value `expected`? Then it has `desired` afterwards, in one go. */
export function replaceWord(at: number, expected: number, desired: number): Task<boolean> {
  return (atOnce() ? answer(replace(at, expected, desired)) : pend(replaceOp, at, expected, desired)) as never;
}

/** Adds to the count at word `at`, of which there is one already; else a `use-after-free` finding. The old value. */
export function refAddWord(at: number, n: number): Task<number> {
  return (atOnce() ? answer(refAdd(at, n)) : pend(refAddOp, at, n)) as never;
}

/** Adds to the count at word `at` unless that is 0. True = added. */
export function refTryAddWord(at: number, n: number): Task<boolean> {
  return (atOnce() ? answer(refTryAdd(at, n)) : pend(refTryAddOp, at, n)) as never;
}

/** Takes `n` from the count at word `at`, which has as many; else a `use-after-free` finding. True = it was the rest. */
export function refPutWord(at: number, n: number): Task<boolean> {
  return (atOnce() ? answer(refPut(at, n)) : pend(refPutOp, at, n)) as never;
}
