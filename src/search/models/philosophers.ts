/** Dining philosophers who all take the left fork first: `bench/spin/philo.pml`. Deadlocks. */
import type { Task } from "../../machine/core.ts";
import type { Machine } from "../../machine/machine.ts";
import { lock, type Mutex, mutex, unlock } from "../../machine/mutex.ts";

function* dine(left: Mutex, right: Mutex): Task {
  yield* lock(left);
  yield* lock(right);
  yield* unlock(right);
  yield* unlock(left);
}

export function philosophers(n: number): (m: Machine) => void {
  return (m) => {
    const forks = Array.from({ length: n }, (_, i) => mutex(`fork${i}`));
    forks.forEach((fork, i) => {
      m.spawn(`philosopher${i}`, dine, [fork, forks[(i + 1) % n]]);
    });
  };
}
