/** Sequences of calls as a property: random ones from a fixed seed, and a short one that fails. */
import fc from "fast-check";
import { runCalls } from "./random.testkit.ts";
import { ROOMY, type Shape } from "./shapes.testkit.ts";
import { kinds, type Raw } from "./step.testkit.ts";

const MOST_CALLS = 90;
/** After each call of every so many sequences the whole state is compared; in the others only after the last one. */
const CLOSELY = 16;
/** How often at most a sequence that fails is tried without some of its calls. */
const MOST_TRIES = 400;

const small = fc.nat(63);
export function callsOn(shape: Shape): fc.Arbitrary<Raw[]> {
  const call: fc.Arbitrary<Raw> = fc.tuple(fc.nat(kinds(shape.pressure) - 1), small, fc.nat(127), small, small, small);
  return fc.array(call, { minLength: 1, maxLength: MOST_CALLS, size: "max" });
}

/** A short sequence that goes wrong, as text that also says how to find it again; null = none of `sequences` does. */
export function counterexample(seed: number, sequences: number, shape: Shape = ROOMY): string | null {
  const all = fc.sample(callsOn(shape), { seed, numRuns: sequences, unbiased: true });
  for (let n = 0; n < all.length; n++) {
    const wrong = runCalls(all[n], n % CLOSELY === 0, shape);
    if (wrong !== null)
      return `${shape.name}, seed ${seed}, sequence ${n}:\n${runCalls(shortest(all[n], shape), true, shape) ?? wrong}`;
  }
  return null;
}

/** Without ever smaller pieces, as long as it still goes wrong. What was only seen at the end of all calls stays as it is. */
function shortest(calls: readonly Raw[], shape: Shape): readonly Raw[] {
  let best = calls;
  let tries = 0;
  for (let piece = best.length; piece >= 1; piece = Math.floor(piece / 2)) {
    for (let at = 0; at < best.length && tries < MOST_TRIES; ) {
      const less = [...best.slice(0, at), ...best.slice(at + piece)];
      tries++;
      if (less.length > 0 && runCalls(less, true, shape) !== null) best = less;
      else at += piece;
    }
  }
  return best;
}
