import { expect, test } from "vitest";
import { type Guards, ownAccessors, sharedAccessors } from "./accessors.ts";
import { cell } from "./cell.ts";
import { type Handle, setChecking } from "./core.ts";
import { Machine } from "./machine.ts";

const VALUES = { int: [7, -1, 2 ** 40, "x"], bool: [true, false, 1, undefined], ref: ["self", null, {}] } as const;

/** What happens when a field of each kind is written and read, with and without checks. */
function tries(accessors: typeof ownAccessors | typeof sharedAccessors): unknown[] {
  const log: unknown[] = [];
  const guards: Guards = {
    watch: (o) => log.push(`watch ${o.name}`),
    check: (o, write) => log.push(`check ${o.name} ${write}`),
  };
  Machine.build(() => {
    const other = cell("a", 5);
    const object = cell("b", 3);
    for (const kind of ["int", "bool", "ref"] as const) {
      const { get, set } = accessors(kind, "f", object.at - other.at, guards);
      for (const on of [false, true])
        for (const value of VALUES[kind]) {
          setChecking(on);
          try {
            set?.call(other, value === "self" ? other : value);
            log.push(get?.call(other), object.value);
          } catch (error) {
            log.push(String(error));
          } finally {
            setChecking(false);
          }
        }
    }
  });
  return log.map((each) => (typeof each === "object" && each !== null ? (each as Handle).name : each));
}

test("accessors of their own and shared ones do the same", () => {
  const log = tries(sharedAccessors);
  expect(tries(ownAccessors)).toEqual(log);
  expect(log).toContain("watch a");
  expect(log).toContain("check a true");
  expect(log.filter((each) => /MF0214/.test(String(each)))).toHaveLength(6);
});
