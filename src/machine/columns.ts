/**
 * Columns: many objects alike, one typed array a field. Objects are plain numbers 0 … n-1, such as page frame numbers.
 *
 *   const folio = columns("folio", 4096, { refcount: column({ ordered: "…" }), lru: column({ guardedBy: lruLock }) });
 *   folio.refcount[pfn]++;
 *
 * `folio.refcount` is a view of the machine's words, so reading and writing are array accesses without any call. What is
 * checked is checked when the view is asked for: that the guard is held (in any mode, since the view does not know
 * whether it will be written). A view must not be kept: ask for it anew in every step. A condition of `until` that
 * asks for an ordered column may change with any step, which costs reduction: prefer cells there. Sequential machines,
 * where nothing is checked, have the views as plain properties.
 */
import { mayfailError } from "../errors.ts";
import { checking, current, type Handle, isProbingNow, keepOrder, noteProbeOfAnything, W } from "./core.ts";
import { Finding } from "./finding.ts";
import type { Lock } from "./lock.ts";
import { activeMachine, settingUpMachine } from "./machine.ts";

/** Exactly one of the two: why a field needs no scheduling point of its own. See struct.ts. */
export interface ColumnSpec {
  /** The lock that guards the whole column. */
  readonly guardedBy?: () => Lock;
  /** A sentence that says which protocol orders the accesses; believed. */
  readonly ordered?: string;
  readonly initial?: number;
}

/** A field of 32-bit integers. Raises MF0212 when it says neither which lock guards it nor why it needs none. */
export function column(spec: ColumnSpec): ColumnSpec {
  return spec;
}

export type ColumnFields = Readonly<Record<string, ColumnSpec>>;

export type Columns<F extends ColumnFields> = Handle & {
  readonly [K in keyof F]: Int32Array;
} & {
  readonly count: number;
  /** Word index of field `field` of object `i`: for operations that take a word, such as `lockFolio`. */
  wordOf(field: keyof F & string, i: number): number;
};

class ColumnSet implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;
  readonly count: number;
  readonly #count: number;
  readonly #starts = new Map<string, number>();

  constructor(name: string, count: number, fields: ColumnFields) {
    const m = settingUpMachine(`columns ${name}`);
    this.name = name;
    this.count = count;
    this.#count = count;
    for (const [key, spec] of Object.entries(fields)) {
      if ((spec.guardedBy === undefined) === (spec.ordered === undefined)) {
        throw mayfailError("MF0212", { field: `${name}.${key}` });
      }
      const start = m.layout.take(count, `${name}.${key}`, "int");
      this.#starts.set(key, start);
      W.fill(spec.initial ?? 0, start, start + count);
      if (!m.options.sequential) this.defineView(key, start, spec);
    }
    if (m.options.sequential) m.layout.whenMoved(() => this.showAll());
    this.at = Math.min(...this.#starts.values());
    this.id = m.register(this);
  }

  /** Must be done anew when the words have moved. */
  private showAll(): void {
    const views = this as unknown as Record<string, Int32Array>;
    for (const [key, start] of this.#starts) views[key] = W.subarray(start, start + this.#count);
  }

  private defineView(key: string, start: number, spec: ColumnSpec): void {
    const count = this.#count;
    const name = `${this.name}.${key}`;
    const { guardedBy } = spec;
    // The words move while the machine is set up, and once more when it is sealed.
    let words = W;
    let view = W.subarray(start, start + count);
    Object.defineProperty(this, key, {
      enumerable: true,
      get(): Int32Array {
        if (isProbingNow()) noteProbeOfAnything();
        else if (checking) {
          if (guardedBy === undefined) keepOrder();
          else check(name, guardedBy());
        }
        if (words !== W) {
          words = W;
          view = W.subarray(start, start + count);
        }
        return view;
      },
    });
  }

  wordOf(field: string, i: number): number {
    const start = this.#starts.get(field);
    if (start === undefined || !(i >= 0 && i < this.#count)) {
      throw mayfailError("MF0213", { field: `${this.name}.${field}`, index: i, count: this.#count });
    }
    return start + i;
  }
}

/** Set-up: `count` objects with the fields `fields`, as columns of the active machine. */
export function columns<F extends ColumnFields>(name: string, count: number, fields: F): Columns<F> {
  return new ColumnSet(name, count, fields) as unknown as Columns<F>;
}

function check(name: string, l: Lock): void {
  if (l.heldBy(current, false)) return;
  throw new Finding("data-race", `${activeMachine().tasks[current].name} uses ${name} without holding ${l.name}`);
}
