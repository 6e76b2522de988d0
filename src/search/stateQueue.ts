/** States waiting to be expanded, whole, in order of their arrival. */
export class StateQueue {
  count = 0;
  /** Fingerprint of the state that the last `shift` returned. */
  low = 0;
  high = 0;
  private readonly width: number;
  private rows = 64;
  private first = 0;
  private data: Int32Array;

  /** For states of `size` words. */
  constructor(size: number) {
    this.width = size + 2;
    this.data = new Int32Array(this.width * this.rows);
  }

  push(words: Int32Array, low: number, high: number): void {
    if (this.count === this.rows) this.grow();
    const { data } = this;
    const at = ((this.first + this.count++) % this.rows) * this.width;
    data[at] = low;
    data[at + 1] = high;
    for (let i = 0; i < words.length; i++) data[at + 2 + i] = words[i];
  }

  /** Moves the oldest state into `words`. */
  shift(words: Int32Array): void {
    const { data } = this;
    const at = this.first * this.width;
    this.low = data[at];
    this.high = data[at + 1];
    for (let i = 0; i < words.length; i++) words[i] = data[at + 2 + i];
    this.first = (this.first + 1) % this.rows;
    this.count--;
  }

  private grow(): void {
    const { data, first, width } = this;
    const larger = new Int32Array(data.length * 2);
    larger.set(data.subarray(first * width), 0);
    larger.set(data.subarray(0, first * width), data.length - first * width);
    this.data = larger;
    this.rows *= 2;
    this.first = 0;
  }
}
