/** States from which whoever has nothing to do can go on: whole, in shared memory, behind a spin lock. */
import { C_IDLE, C_POOL, C_POOL_LOCK, signal } from "./control.ts";

const POOL_STATES = 256;
/** Words that are kept with those of a state: its depth and its fingerprint. */
const EXTRA = 3;

export class StatePool {
  /** Of the state that the last `take` has returned. */
  depth = 0;
  low = 0;
  high = 0;
  private readonly data: Int32Array;
  private readonly control: Int32Array;
  private readonly width: number;

  /** For states of `size` words. */
  constructor(buffer: SharedArrayBuffer, control: Int32Array, size: number) {
    this.data = new Int32Array(buffer);
    this.control = control;
    this.width = size + EXTRA;
  }

  /** Bytes of the buffer. */
  static bytes(size: number): number {
    return POOL_STATES * (size + EXTRA) * 4;
  }

  /** Should somebody leave a state here? So that each worker finds one when it runs out of work. */
  isLow(workers: number): boolean {
    return workers > 1 && Atomics.load(this.control, C_POOL) < workers;
  }

  /** False when it is full. */
  put(words: Int32Array, depth: number, low: number, high: number): boolean {
    const { data, control, width } = this;
    this.lock();
    const n = Atomics.load(control, C_POOL);
    if (n < POOL_STATES) {
      const at = n * width;
      data[at] = depth;
      data[at + 1] = low;
      data[at + 2] = high;
      data.set(words, at + EXTRA);
      Atomics.store(control, C_POOL, n + 1);
    }
    this.unlock();
    if (Atomics.load(control, C_IDLE) > 0) signal(control);
    return n < POOL_STATES;
  }

  /** Moves the oldest state, which is likely to have the most below it, into `words`; false when there is none. */
  take(words: Int32Array): boolean {
    const { data, control, width } = this;
    if (Atomics.load(control, C_POOL) === 0) return false;
    this.lock();
    const n = Atomics.load(control, C_POOL);
    if (n > 0) {
      this.depth = data[0];
      this.low = data[1];
      this.high = data[2];
      words.set(data.subarray(EXTRA, width));
      data.copyWithin(0, width, n * width);
      Atomics.store(control, C_POOL, n - 1);
    }
    this.unlock();
    return n > 0;
  }

  private lock(): void {
    while (Atomics.compareExchange(this.control, C_POOL_LOCK, 0, 1) !== 0);
  }

  private unlock(): void {
    Atomics.store(this.control, C_POOL_LOCK, 0);
  }
}
