"use plain generator";
import fc from "fast-check";
import { expect, test } from "vitest";
import { runCompiled, runPlain } from "./testing/agree.testkit.ts";
import { internedObjects, programFrom } from "./testing/programs.testkit.ts";

/** undefined and -0 as themselves. */
const text = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (each === undefined ? "undefined" : each));

test("random programs do the same compiled and as plain generators, with all their state in the array", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(255), { minLength: 4, maxLength: 250 }), (bytes) => {
      const source = programFrom(bytes);
      const options = { objects: internedObjects };
      const plain = runPlain(source, options);
      let compiled: ReturnType<typeof runCompiled>;
      try {
        compiled = runCompiled(source, options);
      } catch (error) {
        throw new Error(`${String(error)}\n${source}`);
      }
      if (text(plain) !== text(compiled)) expect.fail(`${source}\nplain:    ${text(plain)}\ncompiled: ${text(compiled)}`);
    }),
    { numRuns: Number(process.env["RUNS"] ?? 3000), seed: Number(process.env["SEED"] ?? 42) },
  );
}, 120_000);
