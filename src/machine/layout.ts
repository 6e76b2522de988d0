/** Which word means what: names for diffs and reports, handed out while a machine is set up. */

/**
 * How a word reads: a raw integer, 0 or 1, a handle number + 1, a task slot + 1 (0 = nobody), a bit for each task slot,
 * or part of a task's header and stack.
 */
export type WordKind = "int" | "bool" | "ref" | "owner" | "tasks" | "task";

/** A named run of words. */
export interface LayoutEntry {
  readonly at: number;
  readonly size: number;
  readonly name: string;
  readonly kind: WordKind;
}

export class Layout {
  readonly entries: LayoutEntry[] = [];
  size = 1; // word 0 stays 0: "no object"
  private readonly followers: (() => void)[] = [];
  /** Called before words are handed out that end at the given index. */
  private readonly reserve: (end: number) => void;

  constructor(reserve: (end: number) => void = () => undefined) {
    this.reserve = reserve;
  }

  /** Calls `f` now, and whenever the words have moved: during set-up, and when it ends. */
  whenMoved(f: () => void): void {
    this.followers.push(f);
    f();
  }

  /** The words are in another array now. */
  moved(): void {
    for (const f of this.followers) f();
  }

  /** Reserves `size` words and returns the index of the first. */
  take(size: number, name: string, kind: LayoutEntry["kind"]): number {
    const at = this.size;
    this.reserve(at + size);
    this.entries.push({ at, size, name, kind });
    this.size += size;
    return at;
  }

  /** Adds a name for words that are part of an earlier `take`; the innermost name wins. */
  label(at: number, size: number, name: string, kind: LayoutEntry["kind"]): void {
    this.entries.push({ at, size, name, kind });
  }

  /** 1 for each word of what has one of these names. */
  marked(names: readonly string[]): Uint8Array {
    const marks = new Uint8Array(this.size);
    for (const { at, size, name } of this.entries) if (names.includes(name)) marks.fill(1, at, at + size);
    return marks;
  }

  /** The entry that names word `at`; undefined for word 0. */
  find(at: number): LayoutEntry | undefined {
    let best: LayoutEntry | undefined;
    for (const e of this.entries) {
      if (at >= e.at && at < e.at + e.size && (!best || e.size <= best.size)) best = e;
    }
    return best;
  }

  nameOf(at: number): string {
    const e = this.find(at);
    if (!e) return `word ${at}`;
    return e.size === 1 ? e.name : `${e.name}[${at - e.at}]`;
  }
}
