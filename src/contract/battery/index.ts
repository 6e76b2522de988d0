/** All entries, in the order of report cards. */
import type { Entry } from "./bench.ts";
import { MEMORY_ENTRIES } from "./memory.ts";

export const BATTERY: readonly Entry[] = [...MEMORY_ENTRIES];
