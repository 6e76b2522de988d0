/**
 * Fingerprints of states: 64 bits, as two 32-bit halves. Two independent multiplicative lanes over even and two over
 * odd words, so that the chains of multiplications overlap in the processor; every word reaches both halves.
 */

/** Halves of the last fingerprint. */
export let hashLow = 0;
export let hashHigh = 0;

/** Fingerprint of `words[0 … n)` into `hashLow`, `hashHigh`. `extra` distinguishes states beyond their words. */
export function fingerprint(words: Int32Array, n: number, extra = 0): void {
  let a = 0x9e3779b9 ^ extra;
  let b = 0x85ebca6b ^ n;
  let c = 0xc2b2ae35;
  let d = 0x27d4eb2f;
  let i = 0;
  for (; i + 1 < n; i += 2) {
    const x = words[i];
    const y = words[i + 1];
    a = Math.imul(a ^ x, 0x2c1b3c6d);
    a ^= a >>> 15;
    b = Math.imul(b ^ x, 0x297a2d39);
    b ^= b >>> 13;
    c = Math.imul(c ^ y, 0x7feb352d);
    c ^= c >>> 16;
    d = Math.imul(d ^ y, 0x31848bab);
    d ^= d >>> 14;
  }
  if (i < n) {
    a = Math.imul(a ^ words[i], 0x2c1b3c6d);
    a ^= a >>> 15;
    b = Math.imul(b ^ words[i], 0x297a2d39);
    b ^= b >>> 13;
  }
  let low = Math.imul(a ^ ((c << 9) | (c >>> 23)), 0x85ebca6b);
  low ^= low >>> 13;
  hashLow = Math.imul(low, 0x846ca68b) ^ (low >>> 16);
  let high = Math.imul(b ^ ((d << 17) | (d >>> 15)), 0xc2b2ae35);
  high ^= high >>> 16;
  hashHigh = Math.imul(high, 0x1b873593) ^ (high >>> 15);
}
