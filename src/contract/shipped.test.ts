/** The battery on what we ship: what is good keeps every rule, and what history says to be broken breaks just that. */
import { describe, expect, test } from "vitest";
import skeleton from "../drivers/skeleton/skeleton.ts";
import type { Driver } from "../drivers/underTest.ts";
import { brokenRules } from "./card.ts";
import { checkDriverCard } from "./contract.testkit.ts";
import i915Userptr from "./shipped/i915Userptr.ts";
import kvm from "./shipped/kvm.ts";
import mirror from "./shipped/mirror.ts";
import xeUserptr from "./shipped/xeUserptr.ts";

describe.each<Driver>([skeleton, mirror, xeUserptr, kvm, i915Userptr])("$id", (driver) => {
  test.each(Object.entries(driver.variants))(
    "%s",
    async (variant, { breaks = [] }) => {
      const card = await checkDriverCard(driver, variant);
      expect(card.others).toEqual([]);
      expect(brokenRules(card)).toEqual(breaks);
      expect(card.lines.filter((line) => line.standing === "not decided")).toEqual([]);
    },
    300_000,
  );
});
