/** States waiting to be expanded: whole copies, last in first out for their owner, oldest first for the others. */

/** Words that are kept with those of a state: its depth and its fingerprint. */
export const STATE_EXTRA = 3;

/** A growing stack of states of `size` words. */
export class StateStack {
  private data: Int32Array;
  private readonly width: number;
  /** Of the state that the last `pop` has returned. */
  depth = 0;
  low = 0;
  high = 0;
  private bottom = 0;
  private top = 0;

  constructor(size: number) {
    this.width = size + STATE_EXTRA;
    this.data = new Int32Array(this.width * 64);
  }

  get count(): number {
    return this.top - this.bottom;
  }

  push(words: Int32Array, depth: number, low: number, high: number): void {
    const w = this.width;
    if ((this.top + 1) * w > this.data.length) this.makeRoom();
    const { data } = this;
    const at = this.top++ * w;
    data[at] = depth;
    data[at + 1] = low;
    data[at + 2] = high;
    for (let i = 0; i < words.length; i++) data[at + STATE_EXTRA + i] = words[i];
  }

  /** Moves the newest state into `words`. */
  pop(words: Int32Array): void {
    const { data } = this;
    const at = --this.top * this.width;
    this.depth = data[at];
    this.low = data[at + 1];
    this.high = data[at + 2];
    for (let i = 0; i < words.length; i++) words[i] = data[at + STATE_EXTRA + i];
    if (this.top === this.bottom) this.top = this.bottom = 0;
  }

  /** Moves up to `n` of the oldest states to `target` at state index `index`; returns how many. */
  give(target: Int32Array, index: number, n: number): number {
    const w = this.width;
    const k = Math.min(n, this.count);
    target.set(this.data.subarray(this.bottom * w, (this.bottom + k) * w), index * w);
    this.bottom += k;
    return k;
  }

  /** Takes `n` states from `source` at state index `index`. */
  take(source: Int32Array, index: number, n: number): void {
    const w = this.width;
    while ((this.top + n) * w > this.data.length) this.makeRoom();
    this.data.set(source.subarray(index * w, (index + n) * w), this.top * w);
    this.top += n;
  }

  bytes(): number {
    return this.data.byteLength;
  }

  private makeRoom(): void {
    const w = this.width;
    const used = this.data.subarray(this.bottom * w, this.top * w);
    const larger = this.bottom * 2 > this.top ? this.data : new Int32Array(this.data.length * 2);
    if (larger === this.data) this.data.copyWithin(0, this.bottom * w, this.top * w);
    else larger.set(used);
    this.data = larger;
    this.top -= this.bottom;
    this.bottom = 0;
  }
}
