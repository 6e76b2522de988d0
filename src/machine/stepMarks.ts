/** What is known of the running step: nothing of it survives to the next one. */

// Cells that the running step has announced by `touch`; it may use their value until its next scheduling point.
let touched = 0;
let touched2 = 0;

export function setTouched(at: number, at2: number): void {
  touched = at;
  touched2 = at2;
}

export function isTouched(at: number): boolean {
  return touched === at || touched2 === at;
}

// The running step has taken a lock and has done nothing since that anybody could notice without holding a lock of the
// running task. See `Machine.continues`.
let movable = false;

export function setMovable(on: boolean): void {
  movable = on;
}

export function isMovable(): boolean {
  return movable;
}

/** What the running step does now may be noticed by others at once. */
export function keepOrder(): void {
  movable = false;
}

// Set by `spawn` and by the end of a task that somebody may be joining; cleared by the machine's settling round.
let unsettled = false;

export function requestSettling(): void {
  unsettled = true;
}

/** True once for every batch of requests. */
export function takeSettling(): boolean {
  const was = unsettled;
  unsettled = false;
  return was;
}
