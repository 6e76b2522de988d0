/** How hard a schedule is to read, as a number that adds and compares. */

/**
 * A context switch: a step by another task than the step before (the first step is none). A preemption: a context
 * switch away from a task that could have gone on.
 */
export interface Cost {
  readonly preemptions: number;
  readonly switches: number;
  readonly steps: number;
}

/** What counts first: fewest preemptions, then switches, then steps; or fewest steps, then preemptions, then switches. */
export type CostOrder = "preemptions" | "steps";

const FIELD = 2 ** 17;

/** Costs packed into one number: 17 bits for each part, the most important one in the highest. */
export class CostScale {
  readonly oneStep: number;
  /** A step with a context switch; with a preemption, which is a switch too. */
  readonly oneSwitch: number;
  readonly onePreemption: number;
  private readonly parts: readonly (keyof Cost)[];

  constructor(order: CostOrder) {
    this.parts = order === "steps" ? ["steps", "preemptions", "switches"] : ["preemptions", "switches", "steps"];
    this.oneStep = this.pack({ preemptions: 0, switches: 0, steps: 1 });
    this.oneSwitch = this.pack({ preemptions: 0, switches: 1, steps: 1 });
    this.onePreemption = this.pack({ preemptions: 1, switches: 1, steps: 1 });
  }

  pack(cost: Cost): number {
    return this.parts.reduce((key, part) => key * FIELD + cost[part], 0);
  }

  unpack(key: number): Cost {
    const cost = { preemptions: 0, switches: 0, steps: 0 };
    let rest = key;
    for (const part of [...this.parts].reverse()) {
      cost[part] = rest % FIELD;
      rest = Math.floor(rest / FIELD);
    }
    return cost;
  }
}
