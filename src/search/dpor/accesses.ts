/**
 * What an operation touches, as a small number: equal sets of accesses get equal numbers, and whether two of them
 * conflict is one look into a table. Two operations conflict when both touch a word and at least one writes it.
 */
import type { Machine } from "../../machine/machine.ts";
import type { AccessSink } from "../../machine/op.ts";

/** Touches nothing. */
export const NOTHING = 0;
/** Conflicts with everything, itself included. */
export const EVERYTHING = 1;

/** One access: word index << 1 | is it a write. */
type Access = number;

export class Accesses implements AccessSink {
  /** Of each set, its accesses in ascending order. */
  readonly sets: Int32Array[] = [new Int32Array(0), new Int32Array(0)];
  /** Does the set contain a write (or everything)? */
  writes: Uint8Array = new Uint8Array(64);
  /** `conflict[a * stride + b]` = 1 where sets `a` and `b` conflict. */
  conflict: Uint8Array = new Uint8Array(64 * 64);
  stride = 64;
  private readonly singles: Int32Array;
  private readonly others = new Map<string, number>();
  private readonly m: Machine;
  private buffer: Access[] = [];
  private count = 0;
  private all = false;

  constructor(m: Machine) {
    this.m = m;
    this.singles = new Int32Array(2 * m.size).fill(-1);
    this.writes[EVERYTHING] = 1;
    this.conflict[EVERYTHING * this.stride + EVERYTHING] = 1;
    this.conflict[EVERYTHING * this.stride + NOTHING] = 1;
    this.conflict[NOTHING * this.stride + EVERYTHING] = 1;
  }

  read(at: number): void {
    this.buffer[this.count++] = at << 1;
  }

  write(at: number): void {
    this.buffer[this.count++] = (at << 1) | 1;
  }

  top(): void {
    this.all = true;
  }

  /** The number of the set that the pending operation of `t` would touch if it were done now, enabled or not. */
  of(t: number): number {
    this.count = 0;
    this.all = false;
    this.m.access(t, this);
    if (this.all) return EVERYTHING;
    if (this.count === 0) return NOTHING;
    if (this.count > 1) this.sort();
    if (this.count > 1) return this.several();
    const only = this.buffer[0];
    const known = this.singles[only];
    return known >= 0 ? known : (this.singles[only] = this.add([only]));
  }

  /** Sorts the buffer and leaves one access of each word, a write where there is one. */
  private sort(): void {
    const b = this.buffer;
    b.length = this.count;
    b.sort((x, y) => x - y);
    let n = 0;
    for (const a of b) {
      if (n > 0 && b[n - 1] >> 1 === a >> 1) b[n - 1] = a;
      else b[n++] = a;
    }
    this.count = n;
  }

  private several(): number {
    const set = this.buffer.slice(0, this.count);
    const key = set.join();
    let id = this.others.get(key);
    if (id === undefined) this.others.set(key, (id = this.add(set)));
    return id;
  }

  private add(set: readonly Access[]): number {
    const id = this.sets.length;
    if (id === this.stride) this.grow();
    const own = Int32Array.from(set);
    this.sets.push(own);
    this.writes[id] = set.some((a) => (a & 1) === 1) ? 1 : 0;
    for (let other = 0; other <= id; other++) {
      const c = other === EVERYTHING || overlap(own, this.sets[other]) ? 1 : 0;
      this.conflict[id * this.stride + other] = c;
      this.conflict[other * this.stride + id] = c;
    }
    return id;
  }

  /** Are all words of set `a` words of set `b` too? */
  within(a: number, b: number): boolean {
    if (a === EVERYTHING || b === EVERYTHING) return b === EVERYTHING;
    const outer = this.sets[b];
    return this.sets[a].every((x) => outer.some((y) => x >> 1 === y >> 1));
  }

  private grow(): void {
    const before = this.stride;
    const stride = 2 * before;
    const table = new Uint8Array(stride * stride);
    for (let a = 0; a < before; a++) table.set(this.conflict.subarray(a * before, (a + 1) * before), a * stride);
    const writes = new Uint8Array(stride);
    writes.set(this.writes);
    this.conflict = table;
    this.writes = writes;
    this.stride = stride;
  }
}

/** Do two ascending sets share a word that one of them writes? */
function overlap(a: Int32Array, b: Int32Array): boolean {
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const x = a[i] >> 1;
    const y = b[j] >> 1;
    if (x === y) {
      if (((a[i] | b[j]) & 1) === 1) return true;
      i++;
      j++;
    } else if (x < y) i++;
    else j++;
  }
  return false;
}
