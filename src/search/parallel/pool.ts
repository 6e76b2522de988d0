/** States moved to or from the shared pool at a time, and how many it can hold. */
export const BATCH = 32;
export const POOL_STATES = 1024;
