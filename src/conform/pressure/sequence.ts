/**
 * The accesses of a job, bit for bit those of pressure.c, which computes them from integers only:
 *
 *   lcg      x = x * 6364136223846793005 + 1442695040888963407 mod 2^64, from the seed on; a draw is the upper half
 *   seq      page = i mod P                        phase  as zipf, and P/2 further in the second half of the accesses
 *   uniform  page = draw * P >> 32                 write  draw mod 100 < writePercent, after the page, at every access
 *   zipf     c = the cube of a draw, scaled to 32 bits after each product; page = (c * P >> 32) * 2654435761 mod P
 */
import type { PressureParams } from "./job.ts";

export interface Accesses {
  /** Page of each access. */
  readonly page: Int32Array;
  /** 1 = a write, of the number of the access into the first word of the page. */
  readonly write: Uint8Array;
  /** State of the generator after the last one. */
  readonly x: bigint;
}

const MULTIPLIER = 6364136223846793005n;
const INCREMENT = 1442695040888963407n;
const SPREADER = 2654435761n;

export function accessesOf(params: PressureParams): Accesses {
  const { pattern, accesses, writePercent } = params;
  const pages = BigInt(params.anon + params.file);
  const page = new Int32Array(accesses);
  const write = new Uint8Array(accesses);
  const half = Math.trunc(accesses / 2);
  let x = BigInt.asUintN(64, BigInt(params.seed));
  const draw = (): bigint => {
    x = BigInt.asUintN(64, x * MULTIPLIER + INCREMENT);
    return x >> 32n;
  };
  const zipf = (): bigint => {
    const u = draw();
    const cube = (((u * u) >> 32n) * u) >> 32n;
    return (((cube * pages) >> 32n) * SPREADER) % pages;
  };
  for (let i = 0; i < accesses; i++) {
    let chosen: bigint;
    if (pattern === "seq") chosen = BigInt(i) % pages;
    else if (pattern === "uniform") chosen = (draw() * pages) >> 32n;
    else chosen = zipf();
    if (pattern === "phase" && i >= half) chosen = (chosen + pages / 2n) % pages;
    page[i] = Number(chosen);
    write[i] = draw() % 100n < BigInt(writePercent) ? 1 : 0;
  }
  return { page, write, x };
}

/** What the bytes of the file say as a word: "ffffffff". */
const FILE_WORD = 0x6666666666666666n;

/**
 * The checksum that a run prints, if no write was lost: the sum of what was read, mixed with the state of the generator.
 * With prefill the first word of an anonymous page is its number, without it 0.
 */
export function checksumOf(params: PressureParams, { page, write, x }: Accesses = accessesOf(params)): string {
  const { anon, file, prefill, pinnedPercent } = params;
  const touched = prefill ? anon : Math.trunc((anon * pinnedPercent) / 100);
  const words = Array.from({ length: anon + file }, (_, i) => {
    if (i >= anon) return FILE_WORD;
    return i < touched ? BigInt(i) : 0n;
  });
  let sum = 0n;
  for (let i = 0; i < page.length; i++) {
    const at = page[i] as number;
    if (write[i] === 1) words[at] = BigInt(i);
    else sum += words[at] as bigint;
  }
  return (BigInt.asUintN(64, sum) ^ x).toString(16);
}
