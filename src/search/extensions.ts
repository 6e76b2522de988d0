/** In how many orders can the events of a trace be made? Sampled, since counting is #P-hard. */
import type { Rng } from "./random/rng.ts";
import type { TraceEvent } from "./traceGuide.ts";

const SAMPLES = 24;

/** Natural logarithm of the (estimated) number of linear extensions of `trace`. */
export function logExtensions(trace: readonly TraceEvent[], tasks: number, rng: Rng): number {
  const events: TraceEvent[][] = Array.from({ length: tasks }, () => []);
  for (const e of trace) events[e.task].push(e);
  const active = events.flatMap((list, t) => (list.length > 0 ? [t] : []));
  const samples: number[] = [];
  for (let i = 0; i < SAMPLES; i++) samples.push(sample(events, active, trace.length, rng));
  return logMeanExp(samples);
}

/** Logarithm of 1 / probability of one random order: tasks drawn in proportion to the events that they have left. */
function sample(events: readonly TraceEvent[][], active: readonly number[], total: number, rng: Rng): number {
  const made = new Int32Array(events.length);
  const ready: number[] = [];
  let log = 0;
  for (let done = 0; done < total; done++) {
    ready.length = 0;
    let sum = 0;
    for (const t of active) {
      const e = events[t][made[t]];
      if (e === undefined || !isReady(e, made, active)) continue;
      ready.push(t);
      sum += events[t].length - made[t];
    }
    let x = rng.real() * sum;
    let chosen = ready[ready.length - 1];
    for (const t of ready) {
      x -= events[t].length - made[t];
      if (x < 0) {
        chosen = t;
        break;
      }
    }
    log += Math.log(sum / (events[chosen].length - made[chosen]));
    made[chosen]++;
  }
  return log;
}

function isReady(e: TraceEvent, made: Int32Array, active: readonly number[]): boolean {
  for (const u of active) if (e.clock[u] > made[u]) return false;
  return true;
}

/** log(mean(exp(x))) without overflow. */
export function logMeanExp(list: readonly number[]): number {
  let max = Number.NEGATIVE_INFINITY;
  for (const x of list) if (x > max) max = x;
  let sum = 0;
  for (const x of list) sum += Math.exp(x - max);
  return max + Math.log(sum / list.length);
}
