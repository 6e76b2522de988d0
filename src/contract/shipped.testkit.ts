/** The battery on what we ship: what is good keeps every rule, and what history says to be broken breaks just that. */
import { describe, expect, test } from "vitest";
import type { Driver } from "../drivers/underTest.ts";
import { brokenRules } from "./card.ts";
import { checkDriverCard } from "./contract.testkit.ts";

/** A test for each variant. */
export function testVariants(driver: Driver): void {
  describe(driver.id, () => {
    test.each(Object.entries(driver.variants))(
      "%s",
      async (variant, { breaks = [] }) => {
        const card = await checkDriverCard(driver, variant);
        expect(card.others).toEqual([]);
        expect(brokenRules(card)).toEqual(breaks);
        expect(card.lines.filter((line) => line.standing === "not decided")).toEqual([]);
      },
      600_000,
    );
  });
}
