import { expect, test } from "vitest";
import { counterexample } from "./property.testkit.ts";
import { SHAPES } from "./shapes.testkit.ts";

// One half of the sequences; the other is in a file of its own, so that two workers share them.
const SEED = 200;
const SEQUENCES = 1000;

test.each(SHAPES)(
  `$name: ${SEQUENCES} random sequences, seed ${SEED} and on`,
  (shape) => {
    expect(counterexample(SEED + SHAPES.indexOf(shape), SEQUENCES, shape)).toBeNull();
  },
  600_000,
);
