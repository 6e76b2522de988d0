/** Cycles in the order of lock classes: what lockdep has to say in the end. */
import type { LockdepEdge } from "./lockdepEdges.ts";

/** A cycle of classes that no explored run had to turn into a deadlock, or that one did. */
export interface LockdepReport {
  /** The classes in the order in which they are taken; each is taken while the one before is held, the first under the last. */
  readonly classes: readonly string[];
  /** One edge for each class: from it to the next. */
  readonly edges: readonly LockdepEdge[];
  /** One sentence. */
  readonly text: string;
}

/**
 * The shortest cycle through each edge that is on one, each cycle once, shortest first, and none that contains
 * all classes of a shorter one. Where an edge leads to a recursive
 * reader, the path goes on only from exclusive holds: readers do not wait for readers.
 */
export function cyclesOf(edges: readonly LockdepEdge[]): LockdepReport[] {
  const from = new Map<string, LockdepEdge[]>();
  for (const e of edges) from.set(e.from, [...(from.get(e.from) ?? []), e]);
  const reports = new Map<string, LockdepReport>();
  for (const e of edges) {
    const cycle = shortestCycle(e, from);
    if (!cycle) continue;
    const turned = canonical(cycle);
    const classes = turned.map((x) => x.from);
    const key = classes.join("\0");
    if (!reports.has(key)) reports.set(key, { classes, edges: turned, text: sentence(turned) });
  }
  const sorted = [...reports.values()].sort(
    (a, b) => a.classes.length - b.classes.length || (a.text < b.text ? -1 : 1),
  );
  return sorted.filter((r, i) => !sorted.slice(0, i).some((s) => s.classes.every((c) => r.classes.includes(c))));
}

const compatible = (a: LockdepEdge, b: LockdepEdge): boolean => !(a.kind.endsWith("R") && b.kind.startsWith("S"));

/** Breadth first over edges, from `first` back to it. */
function shortestCycle(first: LockdepEdge, from: ReadonlyMap<string, readonly LockdepEdge[]>): LockdepEdge[] | null {
  let paths: LockdepEdge[][] = [[first]];
  const visited = new Set<LockdepEdge>([first]);
  while (paths.length > 0) {
    const longer: LockdepEdge[][] = [];
    for (const path of paths) {
      const last = path[path.length - 1];
      if (last.to === first.from && compatible(last, first)) return path;
      for (const next of from.get(last.to) ?? []) {
        if (visited.has(next) || !compatible(last, next)) continue;
        visited.add(next);
        longer.push([...path, next]);
      }
    }
    paths = longer;
  }
  return null;
}

/** The same cycle, begun at its least class. */
function canonical(cycle: readonly LockdepEdge[]): LockdepEdge[] {
  let start = 0;
  for (let i = 1; i < cycle.length; i++) if (cycle[i].from < cycle[start].from) start = i;
  return [...cycle.slice(start), ...cycle.slice(0, start)];
}

function sentence(cycle: readonly LockdepEdge[]): string {
  const parts = cycle.map(({ from, to, witness: w }) => `${to} is taken under ${from} by ${w.task} at ${w.place}`);
  if (cycle.length === 1)
    return `${cycle[0].from} is taken while a lock of the same class is held, by ${cycle[0].witness.task} at ${cycle[0].witness.place}`;
  return `${cycle.length} lock classes are taken in a circle: ${parts.join("; ")}`;
}
