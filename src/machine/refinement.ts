/**
 * Thrown when a trylock (or a look at "is it held?") meets a lock whose releases were not scheduling points so far.
 * In coarse steps a critical section without scheduling points inside is invisible, which would hide the failing
 * trylock; the search starts afresh with that lock in `MachineOptions.visibleReleases`.
 */
export class NeedsRefinement extends Error {
  readonly lockName: string;
  constructor(lockName: string) {
    super(`the releases of ${lockName} must be visible`);
    this.lockName = lockName;
  }
}

/** Thrown when a stack is too small; the machine's owner builds it again with larger stacks and starts afresh. */
export class NeedsRebuild extends Error {
  readonly need: "stack" | "held" | "children";
  readonly task: number;
  constructor(need: "stack" | "held" | "children", task: number) {
    super(`more ${need} needed`);
    this.need = need;
    this.task = task;
  }
}
