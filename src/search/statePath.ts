/**
 * The states of a path, kept as differences, and their fingerprints, kept up to date word by word.
 *
 *   level d ──step──▶ words ──compare()──▶ changed words, fingerprint ──┬─ push():  they are level d + 1
 *                                                                       └─ undo():  they are level d again
 *
 * A step changes few words, so neither copying nor hashing all of them is needed: the fingerprint is a sum over the
 * words, and a changed word changes its summand only. It relies on this: a step changes the words of objects and of its
 * own task; those of other tasks change only when the machine carries them on (`Machine.resumed`).
 */
import { HEADER, T_SP } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";

/** Any number of tasks may have been changed. */
export const ANYBODY = -1;

export class StatePath {
  /** Fingerprint of the words as the last `compare`, `undo` or `pop` left them. */
  low = 0;
  high = 0;
  depth = 0;
  /** The words of the level at `depth`. */
  private readonly base: Int32Array;
  private readonly words: Int32Array;
  private readonly lowKeys: Int32Array;
  private readonly highKeys: Int32Array;
  /** Pairs (index of a word, its content before), level after level; behind `end` those of the last `compare`. */
  private log: Int32Array;
  private end = 0;
  private changed = 0;
  /** For each level: where its pairs begin in the log, and its fingerprint. */
  private levels: Int32Array;
  private readonly taskBases: Int32Array;
  private readonly headerWords: number;
  /** Runs of words that belong to no task: pairs (first, behind the last). */
  private readonly objects: Int32Array;

  /** The words of `m` are level 0. */
  constructor(m: Machine) {
    this.words = m.words;
    this.base = m.words.slice();
    this.lowKeys = keys(m.size, 0x243f6a88);
    this.highKeys = keys(m.size, 0x13198a2e);
    this.log = new Int32Array(8 * m.size);
    this.levels = new Int32Array(3 * 64);
    this.taskBases = Int32Array.from(m.tasks, (t) => t.base);
    this.headerWords = HEADER + m.options.heldWords;
    this.objects = wordsOfNobody(m, this.headerWords + m.options.stackWords);
    for (let i = 0; i < m.size; i++) this.addSummand(i, m.words[i]);
    this.levels[1] = this.low;
    this.levels[2] = this.high;
  }

  /** Finds what task `t`, or `ANYBODY`, has changed since the level at `depth`. */
  compare(t: number): void {
    if (this.end + 2 * this.words.length > this.log.length) this.log = doubled(this.log);
    const { words, base, log, lowKeys, highKeys, objects } = this;
    let { low, high } = this;
    let changed = this.end;
    let first = 0;
    let end = words.length;
    let run = objects.length;
    if (t !== ANYBODY) {
      first = this.taskBases[t];
      // Behind the stack pointer all words are 0.
      end = Math.max(base[first + T_SP], words[first + T_SP]);
      run = 0;
    }
    for (;;) {
      for (let i = first; i < end; i++) {
        const x = words[i];
        const y = base[i];
        if (x === y) continue;
        log[changed] = i;
        log[changed + 1] = y;
        changed += 2;
        const lowKey = lowKeys[i];
        const highKey = highKeys[i];
        const a = mixLow(x ^ lowKey);
        const b = mixLow(y ^ lowKey);
        low = (low + a - b) | 0;
        high = (high + mixHigh(a + highKey) - mixHigh(b + highKey)) | 0;
      }
      if (run === objects.length) break;
      first = objects[run];
      end = objects[run + 1];
      run += 2;
    }
    this.low = low;
    this.high = high;
    this.changed = changed;
  }

  /** Lets `t` make a step that breaks no rule, and compares. */
  step(m: Machine, t: number, choice: number): void {
    const { resumed } = m;
    m.step(t, choice);
    this.compare(m.resumed === resumed ? t : ANYBODY);
  }

  /** The words, whose fingerprint the caller knows from an earlier time, are level 0 of a new path. */
  begin(low: number, high: number): void {
    const { base, words } = this;
    for (let i = 0; i < words.length; i++) base[i] = words[i];
    this.depth = this.end = this.changed = 0;
    this.levels[1] = this.low = low;
    this.levels[2] = this.high = high;
  }

  private addSummand(i: number, x: number): void {
    const a = mixLow(x ^ this.lowKeys[i]);
    this.low = (this.low + a) | 0;
    this.high = (this.high + mixHigh(a + this.highKeys[i])) | 0;
  }

  /** Takes back what the last `compare` found. */
  undo(): void {
    const { words, log, end } = this;
    for (let k = this.changed - 2; k >= end; k -= 2) words[log[k]] = log[k + 1];
    this.changed = end;
    this.low = this.levels[3 * this.depth + 1];
    this.high = this.levels[3 * this.depth + 2];
  }

  /** What the last `compare` found becomes a level of its own. */
  push(): void {
    const { words, base, log, changed } = this;
    for (let k = this.end; k < changed; k += 2) {
      const i = log[k];
      base[i] = words[i];
    }
    const at = 3 * ++this.depth;
    if (at === this.levels.length) this.levels = doubled(this.levels);
    this.levels[at] = this.end;
    this.levels[at + 1] = this.low;
    this.levels[at + 2] = this.high;
    this.end = changed;
  }

  /** Back to the level below. The words must be those of the level at `depth`. */
  pop(): void {
    const { words, base, log } = this;
    const first = this.levels[3 * this.depth];
    for (let k = this.end - 2; k >= first; k -= 2) {
      const i = log[k];
      words[i] = base[i] = log[k + 1];
    }
    this.end = this.changed = first;
    this.depth--;
    this.low = this.levels[3 * this.depth + 1];
    this.high = this.levels[3 * this.depth + 2];
  }

  bytes(): number {
    return this.log.byteLength + this.levels.byteLength;
  }
}

// Words are small and related integers. The summand of word i in the low half is a permutation of its content, chosen by
// a random key; the high half permutes that once more with a second key, so equal summands of two words in one half are
// not equal in the other. Both rounds of the high half are needed: one round is so nearly linear that sums which agree in
// the low half would agree in most bits of the high one too.

function mixLow(x: number): number {
  x = Math.imul(x, 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

function mixHigh(x: number): number {
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
  return x ^ (x >>> 15);
}

/** `n` random words, the same every time. */
function keys(n: number, seed: number): Int32Array {
  const list = new Int32Array(n);
  let x = seed;
  for (let i = 0; i < n; i++) {
    x = (x + 0x9e3779b9) | 0;
    list[i] = mixHigh(mixLow(x));
  }
  return list;
}

/** The runs of words between those of the tasks, each of which has `taskWords`. */
function wordsOfNobody(m: Machine, taskWords: number): Int32Array {
  const runs: number[] = [];
  let first = 0;
  for (const { base } of m.tasks) {
    if (base > first) runs.push(first, base);
    first = base + taskWords;
  }
  if (first < m.size) runs.push(first, m.size);
  return Int32Array.from(runs);
}

function doubled(a: Int32Array): Int32Array<ArrayBuffer> {
  const b = new Int32Array(a.length * 2);
  b.set(a);
  return b;
}
