/** The policies that there are, by name. */
import type { ReclaimPolicy } from "../reclaimPolicy.ts";
import { classicLru } from "./classicLru.ts";
import { fifo } from "./skeleton.ts";

export const POLICIES = { classic: classicLru, fifo } as const satisfies Readonly<Record<string, ReclaimPolicy>>;
export type PolicyName = keyof typeof POLICIES;
