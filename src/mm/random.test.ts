import { expect, test } from "vitest";
import { randomRun } from "./random.testkit.ts";

const RUNS = 300;
const CALLS = 80;

test("random calls of up to three processes: no lost or invented content, every rule holds, nothing is left", () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const broken = randomRun(seed, CALLS);
    expect(broken === null ? null : `seed ${seed}: ${broken}`).toBeNull();
  }
});
