/** All entries, in the order of report cards. */
import type { Entry } from "./bench.ts";
import { LIFETIME_ENTRIES } from "./lifetime.ts";
import { MEMORY_ENTRIES } from "./memory.ts";
import { OTHERS_ENTRIES } from "./others.ts";
import { SHORTAGE_ENTRIES } from "./shortage.ts";

export const BATTERY: readonly Entry[] = [
  ...MEMORY_ENTRIES,
  ...LIFETIME_ENTRIES,
  ...SHORTAGE_ENTRIES,
  ...OTHERS_ENTRIES,
];
