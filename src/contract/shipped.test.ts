/** The battery on the skeleton: what is good keeps every rule, and what is known to be broken breaks just that. */
import { expect, test } from "vitest";
import skeleton from "../drivers/skeleton/skeleton.ts";
import { brokenRules } from "./card.ts";
import { checkDriverCard } from "./contract.testkit.ts";

test.each(Object.entries(skeleton.variants))(
  "skeleton:%s",
  async (variant, { breaks = [] }) => {
    const card = await checkDriverCard(skeleton, variant);
    expect(card.others).toEqual([]);
    expect(brokenRules(card)).toEqual(breaks);
    expect(card.lines.filter((l) => l.standing === "not decided")).toEqual([]);
  },
  120_000,
);
