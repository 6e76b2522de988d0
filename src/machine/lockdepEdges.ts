/** The table behind lockdep.ts: classes with numbers, a matrix of edges, and the least witness of each edge. */
import type { Lock } from "./lock.ts";

/** How an edge came about. */
export interface LockdepWitness {
  readonly task: string;
  /** "file:line": where the second lock was about to be taken (for maps: the step in which it was touched). */
  readonly place: string;
  /** Function and source there. */
  readonly function: string;
  readonly text: string;
  /** Names of the locks held, oldest first, readers marked; then the lock that was wanted. */
  readonly held: readonly string[];
  readonly wanted: string;
}

/** One class is taken while another one is held. Kinds as in the kernel: exclusive or shared, recursive reader or not. */
export interface LockdepEdge {
  readonly from: string;
  readonly to: string;
  /** "E" held exclusively or "S" shared, then "N" wanted by a writer or queueing reader, or "R" by a recursive reader. */
  readonly kind: "EN" | "ER" | "SN" | "SR";
  readonly witness: LockdepWitness;
}

export const KINDS = ["EN", "ER", "SN", "SR"] as const;

const names: string[] = [];
const numbers = new Map<string, number>();
/** Numbers of the classes of a lock, by subclass. */
const classesOf = new WeakMap<Lock, number[]>();

/** Name of a class: that of the lock's class, with "/n" for nesting subclass n. */
export function classNumber(name: string): number {
  let n = numbers.get(name);
  if (n === undefined) {
    n = names.length;
    names.push(name);
    numbers.set(name, n);
  }
  return n;
}

/** Number of the class of `lock` in nesting subclass `subclass`; the same in all machines of this thread. */
export function classOf(lock: Lock, subclass: number): number {
  let list = classesOf.get(lock);
  if (list === undefined) {
    list = [];
    classesOf.set(lock, list);
  }
  list[subclass] ??= classNumber(subclass === 0 ? lock.lockClass : `${lock.lockClass}/${subclass}`);
  return list[subclass];
}

export function classNames(): readonly string[] {
  return names;
}

/** Edges between class numbers, four kinds each. */
export class EdgeTable {
  private readonly witnesses = new Map<number, { readonly witness: LockdepWitness; readonly key: string }>();

  clear(): void {
    this.witnesses.clear();
  }

  add(from: number, to: number, shared: boolean, recursive: boolean, witness: LockdepWitness): void {
    this.put(from, to, (shared ? 2 : 0) | (recursive ? 1 : 0), witness);
  }

  private put(from: number, to: number, kind: number, witness: LockdepWitness): void {
    const edge = (from * MAX_CLASSES + to) * KINDS.length + kind;
    const key = JSON.stringify(witness);
    const before = this.witnesses.get(edge);
    if (before === undefined || key < before.key) this.witnesses.set(edge, { witness, key });
  }

  export(classes: readonly string[]): LockdepEdge[] {
    const edges = [...this.witnesses].map(([edge, { witness }]) => {
      const pair = Math.floor(edge / KINDS.length);
      return {
        from: classes[Math.floor(pair / MAX_CLASSES)],
        to: classes[pair % MAX_CLASSES],
        kind: KINDS[edge % KINDS.length],
        witness,
      };
    });
    const key = (e: LockdepEdge): string => `${e.from}\0${e.to}\0${e.kind}`;
    return edges.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  }

  import(edges: readonly LockdepEdge[]): void {
    for (const { from, to, kind, witness } of edges) {
      this.put(classNumber(from), classNumber(to), KINDS.indexOf(kind), witness);
    }
  }
}

const MAX_CLASSES = 1 << 20;
