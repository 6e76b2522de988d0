/**
 * Who has the one CPU, and for how long (kernel/sched/fair.c of 6.1, tasks of equal weight): the task that has had least.
 *
 *   asleep ─wake: as if it had run half a period less than the others─▶ waits ─least vruntime─▶ has the CPU ─▶ asleep
 *                          └─ far enough behind the one that runs: at once ─┘    ◀─ tick: slice used up ─┘
 *
 * The task that is to go learns it from `needResched`, and goes where it may be rescheduled. Times in nanoseconds.
 */

/** HZ = 250. */
export const TICK_NS = 4_000_000;
// The sysctls as they are with one CPU: nothing is scaled.
const LATENCY_NS = 6_000_000;
const MIN_GRANULARITY_NS = 750_000;
const WAKEUP_GRANULARITY_NS = 1_000_000;

/** struct sched_entity. */
interface Entity {
  vruntime: number;
  sumExec: number;
  prevSumExec: number;
  isRunnable: boolean;
}

export interface Cfs {
  /** The slot of the task that has the CPU, or -1. */
  current(): number;
  isRunnable(t: number): boolean;
  needResched(): boolean;
  /** Time has come to `now`; the one that runs has had the CPU. `tick` is called at each tick on the way, with its time. */
  advance(now: number, tick: (at: number) => void): void;
  /** try_to_wake_up. */
  wake(t: number): void;
  /** The one that runs goes to sleep: nobody has the CPU. */
  block(): void;
  /** schedule(): the next one; -1 = nobody can run. */
  pick(): number;
}

export function createCfs(tasks: number): Cfs {
  const entities: Entity[] = Array.from({ length: tasks }, () => ({
    vruntime: 0,
    sumExec: 0,
    prevSumExec: 0,
    isRunnable: false,
  }));
  const entity = (t: number): Entity => entities[t] as Entity;
  let current = -1;
  /** Who has just woken, and shall be next. */
  let next = -1;
  let now = 0;
  /** Up to when the one that runs has been charged for the CPU. */
  let accounted = 0;
  let nextTick = TICK_NS;
  let minVruntime = 0;
  let resched = false;

  const leftmost = (): number => {
    let first = -1;
    for (let t = 0; t < tasks; t++) {
      if (t === current || !entity(t).isRunnable) continue;
      if (first < 0 || entity(t).vruntime < entity(first).vruntime) first = t;
    }
    return first;
  };

  /** update_curr. */
  const account = (to: number): void => {
    const delta = to - accounted;
    accounted = to;
    let least = Number.POSITIVE_INFINITY;
    if (current >= 0) {
      entity(current).vruntime += delta;
      entity(current).sumExec += delta;
      least = entity(current).vruntime;
    }
    const first = leftmost();
    if (first >= 0) least = Math.min(least, entity(first).vruntime);
    if (least < Number.POSITIVE_INFINITY) minVruntime = Math.max(minVruntime, least);
  };

  /** check_preempt_tick. */
  const checkTick = (): void => {
    const first = leftmost();
    if (current < 0 || first < 0) return;
    const runnable = entities.filter((e) => e.isRunnable).length;
    const ideal = Math.max(MIN_GRANULARITY_NS, LATENCY_NS / runnable);
    const had = entity(current).sumExec - entity(current).prevSumExec;
    if (had > ideal) {
      resched = true;
      next = -1;
    } else if (had >= MIN_GRANULARITY_NS && entity(current).vruntime - entity(first).vruntime > ideal) {
      resched = true;
    }
  };

  /** wakeup_preempt_entity: is `behind` so far behind that it should have the CPU at once? */
  const preempts = (ahead: Entity, behind: Entity): boolean => ahead.vruntime - behind.vruntime > WAKEUP_GRANULARITY_NS;

  return {
    current: () => current,
    isRunnable: (t) => entity(t).isRunnable,
    needResched: () => resched,
    advance(to, tick) {
      now = to;
      for (; nextTick <= to; nextTick += TICK_NS) {
        account(nextTick);
        checkTick();
        tick(nextTick);
      }
    },
    wake(t) {
      const e = entity(t);
      if (e.isRunnable) return;
      account(now);
      // place_entity, with GENTLE_FAIR_SLEEPERS.
      e.vruntime = Math.max(e.vruntime, minVruntime - LATENCY_NS / 2);
      e.isRunnable = true;
      if (current < 0 || !preempts(entity(current), e)) return;
      next = t;
      resched = true;
    },
    block() {
      account(now);
      entity(current).isRunnable = false;
      if (next === current) next = -1;
      current = -1;
    },
    pick() {
      account(now);
      const before = current;
      current = -1;
      let chosen = leftmost();
      if (next >= 0 && entity(next).isRunnable && !preempts(entity(next), entity(chosen))) chosen = next;
      next = -1;
      resched = false;
      current = chosen;
      if (chosen >= 0 && chosen !== before) entity(chosen).prevSumExec = entity(chosen).sumExec;
      return chosen;
    },
  };
}
