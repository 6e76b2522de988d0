/** Sequences of calls as a property: random ones from a fixed seed, and the smallest that fails. */
import fc from "fast-check";
import { runCalls } from "./random.testkit.ts";
import { ROOMY, type Shape } from "./shapes.testkit.ts";
import { kinds, type Raw } from "./step.testkit.ts";

const MOST_CALLS = 90;
/** After each call of every so many sequences the whole state is compared; in the others only after the last one. */
const CLOSELY = 16;

const small = fc.nat(63);
export function callsOn(shape: Shape): fc.Arbitrary<Raw[]> {
  const call: fc.Arbitrary<Raw> = fc.tuple(fc.nat(kinds(shape.pressure) - 1), small, fc.nat(127), small, small, small);
  return fc.array(call, { minLength: 1, maxLength: MOST_CALLS, size: "max" });
}

/** The smallest sequence that goes wrong, as text that also says how to find it again; null = none of `sequences` does. */
export function counterexample(seed: number, sequences: number, shape: Shape = ROOMY): string | null {
  let n = 0;
  let shrinking = false;
  const right = (raws: readonly Raw[]): boolean => {
    const wrong = runCalls(raws, shrinking || n++ % CLOSELY === 0, shape) !== null;
    shrinking ||= wrong;
    return !wrong;
  };
  const options = { seed, numRuns: sequences, unbiased: true };
  const { counterexample: found, failed, counterexamplePath } = fc.check(fc.property(callsOn(shape), right), options);
  if (!failed || found === null) return null;
  return `${shape.name}, seed ${seed}, path ${counterexamplePath}:\n${runCalls(found[0], true, shape)}`;
}
