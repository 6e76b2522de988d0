import { expect, test } from "vitest";
import { counterexample } from "./property.testkit.ts";

// One half of the sequences; the other is in a file of its own, so that two workers share them.
const SEED = 1;
const SEQUENCES = 5000;

test(`${SEQUENCES} random sequences of calls, seed ${SEED}: every result and all memory as the oracle says, nothing is left`, () => {
  expect(counterexample(SEED, SEQUENCES)).toBeNull();
}, 600_000);
