/**
 * Statistics: counters and histograms outside of the machine's words, so they neither distinguish states nor are they
 * restored with them. Meaningful for a single run (a replay, a simulation), not over the runs of a search.
 */

/** Named counters; reading one that was never counted gives 0. */
export class Counters {
  private readonly values = new Map<string, number>();

  count(name: string, n = 1): void {
    this.values.set(name, (this.values.get(name) ?? 0) + n);
  }

  get(name: string): number {
    return this.values.get(name) ?? 0;
  }

  /** Name and value, sorted by name. */
  entries(): [string, number][] {
    return [...this.values].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  reset(): void {
    this.values.clear();
  }
}

const SUB_BITS = 3;
const SUB = 1 << SUB_BITS;

/**
 * A histogram of non-negative integers (up to 2^53) in buckets of an eighth of their power of two: quantiles are at most
 * 12.5 % too high, in constant space.
 */
export class Histogram {
  private readonly buckets = new Float64Array(SUB * 52);
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    this.buckets[bucketOf(value)]++;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The least value that at least the fraction `q` (0 … 1) of all values do not exceed, rounded up to its bucket. */
  quantile(q: number): number {
    if (this.count === 0) return 0;
    let left = Math.max(1, Math.ceil(q * this.count));
    for (let i = 0; i < this.buckets.length; i++) {
      left -= this.buckets[i];
      if (left <= 0) return Math.min(upperEnd(i), this.max);
    }
    return this.max;
  }

  merge(other: Histogram): void {
    for (let i = 0; i < this.buckets.length; i++) this.buckets[i] += other.buckets[i];
    this.count += other.count;
    this.sum += other.sum;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
  }
}

/** 0 … 7 exactly, then 8 buckets for each power of two. */
function bucketOf(value: number): number {
  if (value < SUB) return Math.max(0, Math.floor(value));
  const power = Math.floor(Math.log2(value));
  // log2 of a number just below a power of two may round up to it.
  const exact = 2 ** power > value ? power - 1 : power;
  return SUB * (exact - SUB_BITS) + Math.floor(value / 2 ** (exact - SUB_BITS));
}

/** Largest integer of bucket `i`. */
function upperEnd(i: number): number {
  if (i < 2 * SUB) return i;
  const power = Math.floor(i / SUB) - 1;
  return ((i % SUB) + SUB + 1) * 2 ** power - 1;
}
