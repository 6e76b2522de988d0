"use plain generator";
import fc from "fast-check";
import { test } from "vitest";
import { compiled, difference, runCompiled, runPlain } from "./testing/agree.testkit.ts";
import { internedObjects, programFrom } from "./testing/programs.testkit.ts";

test("random programs do the same compiled and as plain generators, with all their state in the array", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(255), { maxLength: 220, size: "max" }), (bytes) => {
      const source = programFrom(bytes);
      const plain = runPlain(source, { objects: internedObjects });
      let sequential = false;
      try {
        const code = compiled(source);
        for (sequential of [false, true]) {
          const wrong = difference(plain, runCompiled(code, { objects: internedObjects, sequential }));
          if (wrong !== undefined) throw new Error(wrong);
        }
      } catch (error) {
        throw new Error(`${String(error)}, sequential: ${sequential}, in\n${source}`);
      }
    }),
    {
      numRuns: Number(process.env["RUNS"] ?? 3000),
      seed: Number(process.env["SEED"] ?? 42),
      endOnFailure: process.env["SHRINK"] === undefined,
    },
  );
}, 120_000);
