/** Is a run of the model what the record says? Events and snapshots are judged apart; both in order. */
import { isSnapshot, lineOf, normalise, type RecordEvent } from "./record.ts";

export type Match = "match" | "differ";

export interface Comparison {
  readonly events: Match;
  readonly snapshots: Match;
  /** Snapshots that differ only by what repeated recordings differ by: see `inBatch`. */
  readonly tolerated: number;
  /** The first difference, in words; null = none. */
  readonly first: string | null;
  readonly record: readonly string[];
  readonly model: readonly string[];
}

export interface CompareOptions {
  /**
   * The record itself does not repeat in this: whether a page still sits in the LRU batch of the CPU (one more
   * reference, no "lru" flag) depends on what the process did before.
   */
  readonly batchVaries?: boolean;
}

/** Both are normalised first. */
export function compareRecords(
  record: readonly RecordEvent[],
  model: readonly RecordEvent[],
  options: CompareOptions = {},
): Comparison {
  const r = normalise(record);
  const m = normalise(model);
  const events = firstDifference(others(r), others(m), lineOf);
  let tolerated = 0;
  const same = (a: Placed, b: Placed): boolean => {
    if (keyOf(a) === keyOf(b)) return true;
    if (options.batchVaries !== true || keyOf(inLru(a)) !== keyOf(inLru(b))) return false;
    tolerated++;
    return true;
  };
  const snapshots = firstDifference(placed(r), placed(m), (p) => lineOf(p.event), same);
  return {
    events: events === null ? "match" : "differ",
    snapshots: snapshots === null ? "match" : "differ",
    tolerated,
    first: events ?? snapshots,
    record: r.map(lineOf),
    model: m.map(lineOf),
  };
}

/** A snapshot, and how many events came before it. */
interface Placed {
  readonly event: RecordEvent;
  readonly after: number;
}

const others = (events: readonly RecordEvent[]): RecordEvent[] => events.filter((e) => !isSnapshot(e));

function placed(events: readonly RecordEvent[]): Placed[] {
  let after = 0;
  return events.flatMap((event) => {
    if (isSnapshot(event)) return [{ event, after }];
    after++;
    return [];
  });
}

/** A page that waits in the batch, as it is when the batch has been emptied. */
function inLru({ event, after }: Placed): Placed {
  const { flags, refs } = event;
  if (!Array.isArray(flags) || refs === undefined || flags.includes("lru") || flags.length === 0) {
    return { event, after };
  }
  return { event: { ...event, refs: refs - 1, flags: [...flags, "lru"].sort() }, after };
}

/** Equal for equal values, whatever the order of their fields and flags. */
function keyOf(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) => {
    if (Array.isArray(v)) return [...v].sort();
    if (typeof v !== "object" || v === null) return v;
    return Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function firstDifference<T>(
  record: readonly T[],
  model: readonly T[],
  show: (t: T) => string,
  same: (a: T, b: T) => boolean = (a, b) => keyOf(a) === keyOf(b),
): string | null {
  let found: string | null = null;
  for (let i = 0; i < Math.max(record.length, model.length); i++) {
    const a = record[i];
    const b = model[i];
    if (a !== undefined && b !== undefined && same(a, b)) continue;
    if (a === undefined) found = `the model goes on with "${show(b as T)}" where the record ends`;
    else if (b === undefined) found = `the model ends where the record has "${show(a)}"`;
    else if (show(a) === show(b)) found = `"${show(a)}" comes at another place, or its fields differ`;
    else found = `the record has "${show(a)}", the model "${show(b)}"`;
    break;
  }
  return found;
}
