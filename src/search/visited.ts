/**
 * The set of visited states, as 64-bit fingerprints in one flat table: 8 bytes an entry, linear probing, grown by half
 * when it is 80 % full, so 10 to 15 bytes for each visited state.
 *
 * Two different states with one fingerprint would make the search skip the second. With n states the chance that this
 * ever happens is below n² / 2^64 (10^6 states: 6·10^-8); `collisionProbability` is printed with every result.
 *
 * The low half of an entry is never 0 (0 = free). The lowest bit of the high half is a mark that a depth-first search
 * may use ("on the stack"), so 63 bits are compared.
 */
export class VisitedSet {
  private table: Int32Array;
  private capacity: number;
  private limit: number;
  size = 0;
  /** Index of the entry that the last `insert` found or made; for `mark` and `unmark`, valid until the next insert. */
  last = 0;

  constructor(capacity = 1 << 12) {
    this.capacity = capacity;
    this.limit = Math.floor(capacity * MAX_LOAD);
    this.table = new Int32Array(2 * capacity);
  }

  /** Adds a fingerprint; true if it was not there. */
  insert(low: number, high: number): boolean {
    if (this.size >= this.limit) this.grow();
    const l = low === 0 ? 1 : low;
    const h = high & ~1;
    const table = this.table;
    const end = 2 * this.capacity;
    let i = 2 * Math.floor((h >>> 0) * (this.capacity / 4294967296));
    for (;;) {
      const x = table[i];
      if (x === 0) {
        table[i] = l;
        table[i + 1] = h;
        this.size++;
        this.last = i;
        return true;
      }
      if (x === l && (table[i + 1] & ~1) === h) {
        this.last = i;
        return false;
      }
      i += 2;
      if (i === end) i = 0;
    }
  }

  has(low: number, high: number): boolean {
    return this.find(low, high) >= 0;
  }

  private find(low: number, high: number): number {
    const l = low === 0 ? 1 : low;
    const h = high & ~1;
    const table = this.table;
    const end = 2 * this.capacity;
    let i = 2 * Math.floor((h >>> 0) * (this.capacity / 4294967296));
    for (;;) {
      const x = table[i];
      if (x === 0) return -1;
      if (x === l && (table[i + 1] & ~1) === h) return i;
      i += 2;
      if (i === end) i = 0;
    }
  }

  /** Was the entry of the last `insert` marked? */
  lastIsMarked(): boolean {
    return (this.table[this.last + 1] & 1) === 1;
  }

  markLast(): void {
    this.table[this.last + 1] |= 1;
  }

  /** Removes the mark of a fingerprint that is in the set. */
  unmark(low: number, high: number): void {
    this.table[this.find(low, high) + 1] &= ~1;
  }

  /** Bytes of the table. */
  bytes(): number {
    return this.table.byteLength;
  }

  private grow(): void {
    const old = this.table;
    const capacity = Math.ceil(this.capacity * GROWTH);
    const table = new Int32Array(2 * capacity);
    const end = 2 * capacity;
    for (let j = 0; j < old.length; j += 2) {
      if (old[j] === 0) continue;
      let i = 2 * Math.floor(((old[j + 1] & ~1) >>> 0) * (capacity / 4294967296));
      while (table[i] !== 0) {
        i += 2;
        if (i === end) i = 0;
      }
      table[i] = old[j];
      table[i + 1] = old[j + 1];
    }
    this.table = table;
    this.capacity = capacity;
    this.limit = Math.floor(capacity * MAX_LOAD);
  }
}

const MAX_LOAD = 0.8;
const GROWTH = 1.5;

/** Upper bound of the probability that `n` states had a pair with equal 63-bit fingerprints. */
export function collisionProbability(n: number): number {
  return Math.min(1, (n * n) / 2 ** 64);
}
