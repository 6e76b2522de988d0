import { expect, test } from "vitest";
import { driverHistory, driverVersions, parseDriverChange, withDrivers } from "./history.ts";

interface Options {
  readonly api: "classic" | "interval";
  readonly async: boolean;
  readonly depth?: number;
}
const versions: Readonly<Record<"v5.4" | "v5.15", Options>> = {
  "v5.4": { api: "classic", async: false, depth: 1 },
  "v5.15": { api: "interval", async: true },
};
const toy = driverHistory("toy", versions);
const other = driverHistory("other", { only: { api: "classic" } });

function under(text: string): { readonly toy: Options; readonly other: object } {
  return withDrivers(parseDriverChange(text), () => ({
    toy: toy.inForce({ ...versions["v5.4"], depth: 7 }),
    other: other.inForce({ api: "none" as string }),
  }));
}

test("a version is what every driver of that name gets; the others keep theirs, and so do options that it leaves open", () => {
  expect(under("toy=v5.15")).toEqual({ toy: { api: "interval", async: true, depth: 7 }, other: { api: "none" } });
  expect(toy.inForce(versions["v5.4"])).toBe(versions["v5.4"]);
});

test("single options, and several drivers", () => {
  expect(under("toy.api=interval, other=only")).toEqual({
    toy: { api: "interval", async: false, depth: 7 },
    other: { api: "classic" },
  });
  expect(under("toy.async=true,toy.depth=3").toy).toEqual({ api: "classic", async: true, depth: 3 });
});

test.each([
  ["top=v5.15", "MF0505: There is no driver"],
  ["toy=v6.1", "MF0506: The driver toy has no version"],
  ["toy.speed=1", "MF0506: The driver toy has no option"],
  ["toy.api=both", "MF0506: The driver toy has no value of api"],
  ["toy.depth=many", "MF0506: The driver toy has no value of depth"],
])("%j is refused", (text, message) => {
  expect(() => parseDriverChange(text)).toThrow(message);
});

test("what there is to choose from", () => {
  expect(driverVersions().get("toy")).toEqual(["v5.4", "v5.15"]);
});
