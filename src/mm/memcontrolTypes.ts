/** Memory cgroups: limits, use, and who is above whom (struct mem_cgroup). Number 0 is the root, which has no limits. */
import { column, columns } from "../machine/columns.ts";

/** Set-up of one cgroup other than the root. All in pages; a missing limit is none. */
export interface MemcgOptions {
  /** Number of its parent, which comes before it; 0 = the root. */
  readonly parent?: number;
  readonly max?: number;
  readonly high?: number;
  readonly min?: number;
  readonly low?: number;
  readonly swapMax?: number;
  readonly swappiness?: number;
}

/** PAGE_COUNTER_MAX, as a limit: none. */
export const NO_LIMIT = (1 << 30) - 1;

export function createMemcgs(specs: readonly MemcgOptions[]) {
  const n = specs.length + 1;
  const ordered = "atomic page counters";
  const own = "written by whoever configures the cgroup, read at any time";
  const all = columns("memcg", n, {
    /** memory.current, in pages, descendants included. */
    usage: column({ ordered }),
    /** memory.swap.current, in pages. */
    swap: column({ ordered }),
    max: column({ ordered: own, initial: NO_LIMIT }),
    high: column({ ordered: own, initial: NO_LIMIT }),
    min: column({ ordered: own }),
    low: column({ ordered: own }),
    swapMax: column({ ordered: own, initial: NO_LIMIT }),
  });
  specs.forEach((spec, i) => {
    all.max[i + 1] = spec.max ?? NO_LIMIT;
    all.high[i + 1] = spec.high ?? NO_LIMIT;
    all.min[i + 1] = spec.min ?? 0;
    all.low[i + 1] = spec.low ?? 0;
    all.swapMax[i + 1] = spec.swapMax ?? NO_LIMIT;
  });
  return all;
}
export type Memcgs = ReturnType<typeof createMemcgs>;

/** Parent of each cgroup; -1 for the root. */
export function memcgParents(specs: readonly MemcgOptions[]): number[] {
  return [-1, ...specs.map((spec) => spec.parent ?? 0)];
}

/** Order of mem_cgroup_iter: parents before their children, children in order of their numbers. */
export function memcgWalk(parents: readonly number[]): number[] {
  const walk: number[] = [];
  const visit = (memcg: number): void => {
    walk.push(memcg);
    parents.forEach((parent, child) => {
      if (parent === memcg) visit(child);
    });
  };
  visit(0);
  return walk;
}
