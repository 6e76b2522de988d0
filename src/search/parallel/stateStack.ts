/** States waiting to be expanded: whole copies, last in first out for their owner, oldest first for the others. */

/** A growing stack of states of `size` words plus their depth. */
export class StateStack {
  private data: Int32Array;
  private readonly width: number;
  private bottom = 0;
  private top = 0;

  constructor(size: number) {
    this.width = size + 1;
    this.data = new Int32Array(this.width * 64);
  }

  get count(): number {
    return this.top - this.bottom;
  }

  push(words: Int32Array, depth: number): void {
    const w = this.width;
    if ((this.top + 1) * w > this.data.length) this.makeRoom();
    const at = this.top++ * w;
    for (let i = 0; i < w - 1; i++) this.data[at + i] = words[i];
    this.data[at + w - 1] = depth;
  }

  /** Copies the newest state into `words` and returns its depth. */
  pop(words: Int32Array): number {
    const w = this.width;
    const at = --this.top * w;
    for (let i = 0; i < w - 1; i++) words[i] = this.data[at + i];
    const depth = this.data[at + w - 1];
    if (this.top === this.bottom) this.top = this.bottom = 0;
    return depth;
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
