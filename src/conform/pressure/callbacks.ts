/** The first callbacks that a notifier got in a pressure run, against the log of the probe (NAME.first256.jsonl). */
import { isCallback, lineOf, normalise, type RecordEvent } from "../record.ts";
import type { CounterRow } from "./counters.ts";

export interface CallbackComparison {
  /** Counter "callbacks": how many the record has, and how many of them the model had before it did something else. */
  readonly row: CounterRow;
  /** The first difference in words; null = none. */
  readonly first: string | null;
}

/** Compared as far as the log of the probe reaches: its size is limited. Callbacks outside of the windows are dropped. */
export function compareCallbacks(
  name: string,
  record: readonly RecordEvent[],
  model: readonly RecordEvent[],
): CallbackComparison {
  const expected = normalise(record).filter(isCallback).map(lineOf);
  const got = normalise(model).filter(isCallback).map(lineOf);
  let equal = 0;
  while (equal < expected.length && expected[equal] === got[equal]) equal++;
  const within = equal === expected.length;
  return {
    row: { name, counter: "callbacks", record: expected.length, model: equal, allowed: 0, within },
    first: within
      ? null
      : `callback ${equal + 1}: the record has "${expected[equal]}", the model ${
          got[equal] === undefined ? "ends" : `"${got[equal]}"`
        }`,
  };
}
