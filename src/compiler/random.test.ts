"use plain generator";
import fc from "fast-check";
import { expect, test } from "vitest";
import { difference, runCompiled, runPlain } from "./testing/agree.testkit.ts";
import { internedObjects, programFrom } from "./testing/programs.testkit.ts";

test("random programs do the same compiled and as plain generators, with all their state in the array", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(255), { maxLength: 220, size: "max" }), (bytes) => {
      const source = programFrom(bytes);
      const options = { objects: internedObjects };
      const plain = runPlain(source, options);
      let compiled: ReturnType<typeof runCompiled>;
      try {
        compiled = runCompiled(source, options);
      } catch (error) {
        throw new Error(`${String(error)}\n${source}`);
      }
      const wrong = difference(plain, compiled);
      if (wrong !== undefined) expect.fail(`${wrong} in\n${source}`);
    }),
    {
      numRuns: Number(process.env["RUNS"] ?? 3000),
      seed: Number(process.env["SEED"] ?? 42),
      endOnFailure: process.env["SHRINK"] === undefined,
    },
  );
}, 120_000);
