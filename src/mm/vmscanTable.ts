/**
 * The decision table of shrink_folio_list: what becomes of a folio that reclaim has isolated. First match wins; the code that
 * finds the row is in vmscanFolio.ts, and names rows by these numbers.
 *
 * `then`: keep = back to the list that its flags say, at the head; activate = the same with PG_active set, unless it is mlocked,
 * and counted; free = nobody has it any more. A folio that is sent to disk is kept, unlocked, until it is written.
 */
export const KEEP = 0;
export const ACTIVATE = 1;
export const FREE = 2;
/** Somebody else frees it in a moment; it counts as freed. */
export const GONE = 3;
export type Outcome = typeof KEEP | typeof ACTIVATE | typeof FREE | typeof GONE;

export interface Row {
  readonly row: number;
  readonly when: string;
  readonly then: Outcome;
  /** Why nothing here reaches it. */
  readonly absent?: string;
}

const LARGE = "large folios are not modelled";

export const TABLE: readonly Row[] = [
  { row: 1, when: "somebody else has it locked", then: KEEP },
  { row: 2, when: "it is mlocked, or its mapping unevictable", then: ACTIVATE },
  { row: 3, when: "it is mapped, and may not be unmapped", then: KEEP },
  { row: 4, when: "multi-generational LRU: mapped and referenced", then: KEEP, absent: "that is another policy" },
  { row: 6, when: "under writeback for long, and kswapd has met only such folios", then: ACTIVATE },
  { row: 7, when: "under writeback", then: ACTIVATE },
  { row: 8, when: "under writeback in a cgroup of version 1", then: KEEP, absent: "cgroups are version 2" },
  { row: 9, when: "used often enough (vmscanReferences.ts)", then: ACTIVATE },
  { row: 10, when: "used lately", then: KEEP },
  { row: 11, when: "it can be demoted to slower memory", then: KEEP, absent: "there is none" },
  { row: 12, when: "anonymous without a place in swap, and the mask forbids I/O", then: KEEP },
  { row: 13, when: "it may be pinned (which folios are asked: rules.reclaimPinCheck)", then: KEEP },
  { row: 14, when: "large and in use by more than its mappings", then: ACTIVATE, absent: LARGE },
  { row: 15, when: "large, and splitting fails", then: ACTIVATE, absent: LARGE },
  { row: 16, when: "swap has no place for it", then: ACTIVATE },
  { row: 17, when: "large shared memory, and splitting fails", then: KEEP, absent: LARGE },
  { row: 18, when: "it could not be unmapped everywhere", then: ACTIVATE },
  { row: 19, when: "it may be pinned, as seen now that it is unmapped (rules.latePinCheck)", then: ACTIVATE },
  { row: 20, when: "a dirty file page, and this is not kswapd among many such", then: ACTIVATE },
  { row: 21, when: "dirty, and it is to be taken only clean, or the mask or the caller forbids writing", then: KEEP },
  { row: 22, when: "dirty, and it is written now, or could not be", then: KEEP },
  { row: 23, when: "its buffers are in use", then: ACTIVATE },
  { row: 24, when: "lazily freed, and somebody has a reference", then: KEEP },
  { row: 25, when: "somebody has a reference, or has made it dirty again", then: KEEP },
  { row: 26, when: "else", then: FREE },
  // Of row 22 and row 23, with other outcomes.
  { row: 27, when: "dirty, and its file system will not write it now", then: ACTIVATE },
  { row: 28, when: "it was truncated before, and only its buffers had kept it", then: GONE },
];

/** Rows by their numbers. */
export const outcomeOf: Outcome[] = [];
for (const { row, then } of TABLE) outcomeOf[row] = then;
