import { expect, test } from "vitest";
import { Machine } from "../machine/machine.ts";
import { createKernel } from "./kernel.ts";
import { parseRuleChange, withRules } from "./ruleChanges.ts";
import { PRESETS, type Rules, rules } from "./rules.ts";

const own = rules("linux-6.1", { without: ["mkclean"] });
const under = (text: string, from: Rules = own): Rules => parseRuleChange(text)(from);

test("a preset replaces everything, guards that the case took away included", () => {
  expect(under("linux-5.7")).toEqual(PRESETS["linux-5.7"]);
});

test("switches change what the case has chosen, and the name says so", () => {
  expect(under("cowReuse=mapcount, gupUnshares=false")).toEqual({
    ...own,
    cowReuse: "mapcount",
    gupUnshares: false,
    name: `${own.name} with cowReuse=mapcount, gupUnshares=false`,
  });
});

test("a guard is a switch like others", () => {
  expect(under("mkclean=true").without).toEqual([]);
  expect(under("mkclean=false").without).toEqual(["mkclean"]);
  expect(under("rmapLock=false").without).toEqual(["mkclean", "rmapLock"]);
});

test("both: a preset with changes", () => {
  expect(under("linux-5.7,reclaimPinCheck=all")).toEqual(rules("linux-5.7", { reclaimPinCheck: "all" }));
});

test.each([
  ["linux-9.9", "MF0501"],
  ["", "MF0501"],
  ["linux-6.1,linux-5.7", "MF0503"],
  ["name=x", "MF0503"],
  ["without=mkclean", "MF0503"],
  ["cowReuse=yes", "MF0504"],
  ["gupUnshares=1", "MF0504"],
  ["gupUnshares", "MF0501"],
])("%j is %s", (text, code) => {
  expect(() => parseRuleChange(text)).toThrow(code);
});

test("every switch can be set to each of its values, and off and on again", () => {
  for (const preset of Object.values(PRESETS)) {
    for (const [name, value] of Object.entries(preset)) {
      if (name === "name" || name === "without") continue;
      expect(under(`${name}=${value}`)).toMatchObject({ [name]: value });
    }
  }
});

test("kernels that are created meanwhile have them, others do not", () => {
  const cowReuse = (changed: string | null): string => {
    let found = "";
    const build = () =>
      Machine.build((m) => {
        found = createKernel(m, { frames: 16, rules: own }).rules.cowReuse;
      });
    withRules(changed === null ? null : parseRuleChange(changed), build);
    return found;
  };
  expect([cowReuse("cowReuse=mapcount"), cowReuse(null)]).toEqual(["mapcount", "exclusive"]);
  const failing = () =>
    withRules(parseRuleChange("linux-5.7"), () => {
      throw new Error("in the set-up");
    });
  expect(failing).toThrow("in the set-up");
  expect(cowReuse(null)).toBe("exclusive");
});
