/** A driver as a case: each of its variants in each entry of the battery. What runs, replays and reports cases does it with these. */

import type { Driver } from "../drivers/underTest.ts";
import type { Case, Variant } from "../machine/scenario.ts";
import { BATTERY } from "./battery/index.ts";

/** Name of the case's variant: that of the driver, and the entry. */
export const rowName = (variant: string, entry: string): string => `${variant}/${entry}`;

export function contractCase(driver: Driver): Case {
  const variants: Record<string, Variant> = {};
  const rows = new Map<string, { readonly variant: string; readonly entry: (typeof BATTERY)[number] }>();
  for (const variant of Object.keys(driver.variants)) {
    for (const entry of BATTERY) {
      const name = rowName(variant, entry.name);
      variants[name] = { about: entry.about, rules: "linux-6.1" };
      rows.set(name, { variant, entry });
    }
  }
  return {
    kind: "mayfail-case",
    id: driver.id,
    title: driver.title,
    text: "",
    class: "",
    sources: [],
    variants,
    setup(m, name) {
      const row = rows.get(name);
      row?.entry.setup(m, { driver, variant: row.variant });
    },
  };
}
