/**
 * The decision table of shrink_folio_list: what becomes of a folio that reclaim has isolated. First match wins; the code that
 * finds the row is in vmscanFolio.ts, and names rows by these numbers.
 *
 * `outcome`: keep = back to the list that its flags say, at the head; activate = the same with PG_active set, unless it is mlocked,
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
  readonly outcome: Outcome;
  /** Why nothing here reaches it. */
  readonly absent?: string;
}

const LARGE = "large folios are not modelled";

export const TABLE: readonly Row[] = [
  { row: 1, when: "somebody else has it locked", outcome: KEEP },
  { row: 2, when: "it is mlocked, or its mapping unevictable", outcome: ACTIVATE },
  { row: 3, when: "it is mapped, and may not be unmapped", outcome: KEEP },
  { row: 4, when: "multi-generational LRU: mapped and referenced", outcome: KEEP, absent: "that is another policy" },
  { row: 6, when: "under writeback for long, and kswapd has met only such folios", outcome: ACTIVATE },
  { row: 7, when: "under writeback", outcome: ACTIVATE },
  { row: 8, when: "under writeback in a cgroup of version 1", outcome: KEEP, absent: "cgroups are version 2" },
  { row: 9, when: "used often enough (vmscanReferences.ts)", outcome: ACTIVATE },
  { row: 10, when: "used lately", outcome: KEEP },
  { row: 11, when: "it can be demoted to slower memory", outcome: KEEP, absent: "there is none" },
  { row: 12, when: "anonymous without a place in swap, and the mask forbids I/O", outcome: KEEP },
  { row: 13, when: "it may be pinned (which folios are asked: rules.reclaimPinCheck)", outcome: KEEP },
  { row: 14, when: "large and in use by more than its mappings", outcome: ACTIVATE, absent: LARGE },
  { row: 15, when: "large, and splitting fails", outcome: ACTIVATE, absent: LARGE },
  { row: 16, when: "swap has no place for it", outcome: ACTIVATE },
  { row: 17, when: "large shared memory, and splitting fails", outcome: KEEP, absent: LARGE },
  { row: 18, when: "it could not be unmapped everywhere", outcome: ACTIVATE },
  { row: 19, when: "it may be pinned, as seen now that it is unmapped (rules.latePinCheck)", outcome: ACTIVATE },
  { row: 20, when: "a dirty file page, and this is not kswapd among many such", outcome: ACTIVATE },
  {
    row: 21,
    when: "dirty, and it is to be taken only clean, or the mask or the caller forbids writing",
    outcome: KEEP,
  },
  { row: 22, when: "dirty, and it is written now, or could not be", outcome: KEEP },
  { row: 23, when: "its buffers are in use", outcome: ACTIVATE },
  { row: 24, when: "lazily freed, and somebody has a reference", outcome: KEEP },
  { row: 25, when: "somebody has a reference, or has made it dirty again", outcome: KEEP },
  { row: 26, when: "else", outcome: FREE },
  // Of row 22 and row 23, with other outcomes.
  { row: 27, when: "dirty, and its file system will not write it now", outcome: ACTIVATE },
  { row: 28, when: "it was truncated before, and only its buffers had kept it", outcome: GONE },
];

/** Rows by their numbers. */
export const outcomeOf: Outcome[] = [];
for (const { row, outcome } of TABLE) outcomeOf[row] = outcome;
