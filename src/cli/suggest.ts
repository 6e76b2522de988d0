/** "Did you mean": the nearest of some known names. */

/** The known name nearest to `name`, or null when none is near enough to be what was meant. */
export function nearest(name: string, known: Iterable<string>): string | null {
  const wanted = name.toLowerCase();
  if (wanted === "" || wanted.length > MAX_LENGTH) return null;
  let best: string | null = null;
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const lower = candidate.toLowerCase();
    // A long name is often remembered by its beginning or by one of its words.
    const partial = wanted.length >= 3 && (lower.startsWith(wanted) || lower.split("-").includes(wanted));
    const d = partial ? 1 : distance(wanted, lower);
    if (d < least) {
      best = candidate;
      least = d;
    }
  }
  return best;
}

const MAX_LENGTH = 100;

/** Ready to be put behind a sentence: ` (did you mean "check"?)`, or nothing. */
export function hint(name: string, known: Iterable<string>): string {
  const near = nearest(name, known);
  return near === null ? "" : ` (did you mean "${near}"?)`;
}

/** Letters to insert, delete, replace, or exchange with their neighbour. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let d = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, before[j - 2] + 1);
      row.push(d);
    }
    before = last;
    last = row;
  }
  return last[b.length];
}
