/** A driver as a case: each of its variants in each entry of the battery. What runs, replays and reports cases does it with these. */

import type { Driver } from "../drivers/underTest.ts";
import type { Case, Variant } from "../machine/scenario.ts";
import { BATTERY } from "./battery/index.ts";

/** Name of the case's variant: that of the driver, and the entry. */
export const rowName = (variant: string, entry: string): string => `${variant}/${entry}`;

/** The case of a driver, with what report cards need besides. */
export interface ContractCase extends Case {
  readonly driver: Driver;
}

/** Is this what a driver's file exports? */
export function isDriver(value: unknown): value is Driver {
  if (typeof value !== "object" || value === null || (value as Driver).kind !== "mayfail-driver") return false;
  const { id, variants, create } = value as Partial<Driver>;
  if (typeof id !== "string" || typeof create !== "function") return false;
  return typeof variants === "object" && variants !== null && Object.keys(variants).length > 0;
}

export function contractCase(driver: Driver): ContractCase {
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
    driver,
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
