/**
 * The visited set that several threads share: the table of visited.ts in shared memory. An entry is claimed by an
 * atomic exchange of its low half (0 → low) and completed by its high half, whose lowest bit is then 1; whoever meets
 * a claimed entry that is not complete yet waits for the other half, which is one store away.
 *
 * The buffer is as large as it may ever get; only the first `capacity` entries are in use. Enlarging is done by one
 * worker while all others are parked: see worker.ts.
 */
import { C_CAPACITY } from "./control.ts";

export const MAX_LOAD = 0.8;
const GROWTH = 1.5;

export class SharedSet {
  private readonly table: Int32Array;
  private readonly control: Int32Array;
  private capacity = 0;

  constructor(table: SharedArrayBuffer, control: Int32Array) {
    this.table = new Int32Array(table);
    this.control = control;
    this.refresh();
  }

  /** Takes note of a new capacity. */
  refresh(): void {
    this.capacity = Atomics.load(this.control, C_CAPACITY);
  }

  limit(): number {
    return Math.floor(this.capacity * MAX_LOAD);
  }

  /** Adds a fingerprint; true for exactly one of the threads that try. */
  insert(low: number, high: number): boolean {
    const l = low === 0 ? 1 : low;
    const h = high | 1;
    const { table, capacity } = this;
    const end = 2 * capacity;
    let i = 2 * Math.floor((h >>> 0) * (capacity / 4294967296));
    for (;;) {
      let x = table[i];
      if (x === 0) {
        x = Atomics.compareExchange(table, i, 0, l);
        if (x === 0) {
          Atomics.store(table, i + 1, h);
          return true;
        }
      }
      if (x === l) {
        let y = table[i + 1];
        while (y === 0) y = Atomics.load(table, i + 1);
        if (y === h) return false;
      }
      i += 2;
      if (i === end) i = 0;
    }
  }

  /** Enlarges the table by half; false when the buffer is too small. Only while nobody else uses it. */
  grow(): boolean {
    const capacity = Math.ceil(this.capacity * GROWTH);
    if (2 * capacity > this.table.length) return false;
    const old = this.table.slice(0, 2 * this.capacity);
    const { table } = this;
    table.fill(0, 0, 2 * this.capacity);
    const end = 2 * capacity;
    for (let j = 0; j < old.length; j += 2) {
      if (old[j] === 0) continue;
      let i = 2 * Math.floor((old[j + 1] >>> 0) * (capacity / 4294967296));
      while (table[i] !== 0) {
        i += 2;
        if (i === end) i = 0;
      }
      table[i] = old[j];
      table[i + 1] = old[j + 1];
    }
    Atomics.store(this.control, C_CAPACITY, capacity);
    this.capacity = capacity;
    return true;
  }
}
