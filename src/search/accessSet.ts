/** What one operation touches, kept for comparison with others. */
import type { AccessSink } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";

export class AccessSet implements AccessSink {
  readonly reads: number[] = [];
  readonly writes: number[] = [];
  /** Conflicts with everything. */
  all = false;

  /** Becomes the accesses that the pending operation of `t` would make if it were done now. */
  fill(m: Machine, t: number): this {
    this.reads.length = 0;
    this.writes.length = 0;
    this.all = false;
    m.access(t, this);
    return this;
  }

  read(at: number): void {
    this.reads.push(at);
  }

  write(at: number): void {
    this.writes.push(at);
  }

  top(): void {
    this.all = true;
  }

  /** Would the two operations not commute, as far as their accesses tell? */
  conflicts(o: AccessSet): boolean {
    if (this.all || o.all) return true;
    return meet(this.writes, o.writes) || meet(this.writes, o.reads) || meet(this.reads, o.writes);
  }
}

function meet(a: readonly number[], b: readonly number[]): boolean {
  for (const x of a) if (b.includes(x)) return true;
  return false;
}
