/** Two sequences of lines beside each other, equal ones in the same row. */

export interface Row {
  readonly record: string | null;
  readonly model: string | null;
}

/** Lines of both in order; a longest common subsequence stands in common rows. */
export function align(record: readonly string[], model: readonly string[]): Row[] {
  const width = model.length + 1;
  const common = new Uint16Array((record.length + 1) * width);
  for (let i = record.length - 1; i >= 0; i--) {
    for (let j = model.length - 1; j >= 0; j--) {
      common[i * width + j] =
        record[i] === model[j]
          ? common[(i + 1) * width + j + 1] + 1
          : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const rows: Row[] = [];
  let i = 0;
  let j = 0;
  while (i < record.length || j < model.length) {
    if (i < record.length && j < model.length && record[i] === model[j]) {
      rows.push({ record: record[i++], model: model[j++] });
    } else if (j >= model.length || (i < record.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      rows.push({ record: record[i++], model: null });
    } else {
      rows.push({ record: null, model: model[j++] });
    }
  }
  return paired(rows);
}

/** A run of lines that only the record has and one that only the model has are put beside each other. */
function paired(rows: readonly Row[]): Row[] {
  const out: Row[] = [];
  for (let i = 0; i < rows.length; ) {
    const block: Row[] = [];
    while (i < rows.length && (rows[i].record === null || rows[i].model === null)) block.push(rows[i++]);
    const left = block.flatMap((r) => (r.record === null ? [] : [r.record]));
    const right = block.flatMap((r) => (r.model === null ? [] : [r.model]));
    for (let at = 0; at < Math.max(left.length, right.length); at++) {
      out.push({ record: left[at] ?? null, model: right[at] ?? null });
    }
    if (i < rows.length) out.push(rows[i++]);
  }
  return out;
}
