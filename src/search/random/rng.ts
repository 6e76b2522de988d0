/**
 * Chance with a seed: sfc32 (Chris Doty-Humphrey's "small fast counting" generator, 128 bits of state), seeded through
 * splitmix32. One seed, one sequence, on every platform.
 */
export class Rng {
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;

  /** `seed`: any integer from 0 to 2^53 - 1. */
  constructor(seed: number) {
    let x = seed | 0;
    const high = Math.floor(seed / 2 ** 32) | 0;
    const next = (): number => {
      x = (x + 0x9e3779b9) | 0;
      let z = x ^ high;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.a = next();
    this.b = next();
    this.c = next();
    for (let i = 0; i < 12; i++) this.next();
  }

  /** 32 random bits, unsigned. */
  next(): number {
    const t = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + t) | 0;
    return t >>> 0;
  }

  /** Uniform in 0 … n-1, for n up to 2^20 (bias below 2^-12). */
  below(n: number): number {
    return Math.floor((this.next() / 2 ** 32) * n);
  }

  /** Uniform in [0, 1). */
  real(): number {
    return this.next() / 2 ** 32;
  }

  /** Exponentially distributed with mean 1. */
  exponential(): number {
    return -Math.log(1 - this.real());
  }

  /** Puts `list` into a random order. */
  shuffle(list: number[]): void {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const x = list[i];
      list[i] = list[j];
      list[j] = x;
    }
  }
}
