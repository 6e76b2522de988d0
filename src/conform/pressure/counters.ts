/** Do the counters of a run of the model lie where those of the kernel's repetitions lie? */
import type { PressureParams } from "./job.ts";
import type { Counters } from "./model.ts";
import type { PressureRecord, PressureRun } from "./record.ts";

export interface CounterRow {
  /** SET/NAME of the job. */
  readonly name: string;
  readonly counter: string;
  /** Mean of the repetitions. */
  readonly record: number;
  readonly model: number;
  /** Share of the record by which the model may differ. */
  readonly allowed: number;
  readonly within: boolean;
}

interface Compared {
  readonly counter: string;
  /** Share of the record that is allowed in a memory cgroup, if the repetitions do not differ by more. */
  readonly limit: number;
  of(run: Values): number;
}

/** One run's numbers by name, wherever they were read. */
interface Values {
  rusage(name: string): number;
  /** Of the cgroup, if there is one: it counts exactly, while those of the machine lag behind by some pages. */
  stat(name: string): number;
  /** Of the machine: what a cgroup does not count. */
  machine(name: string): number;
}

const LIMIT = 0.05;
/** How far the lists were looked through depends more on chance than what was found there. */
const LIMIT_OF_SCANS = 0.15;
/** kswapd runs beside the process: when it wakes is no matter of instructions. */
const LIMIT_GLOBAL = 0.15;

const stat = (name: string, limit: number): Compared => ({ counter: name, limit, of: (run) => run.stat(name) });
const rusage = (name: string): Compared => ({ counter: name, limit: LIMIT, of: (run) => run.rusage(name) });
/** memory.stat has the sum; /proc/vmstat only who did it. */
const byWhom = (name: string, limit: number): Compared => ({
  counter: name,
  limit,
  of: (run) => run.stat(name) || run.stat(`${name}_kswapd`) + run.stat(`${name}_direct`),
});

const COMPARED: readonly Compared[] = [
  rusage("majflt"),
  rusage("minflt"),
  byWhom("pgsteal", LIMIT),
  { counter: "pswpin", limit: LIMIT, of: (run) => run.machine("pswpin") },
  { counter: "pswpout", limit: LIMIT, of: (run) => run.machine("pswpout") },
  {
    counter: "workingset_refault",
    limit: LIMIT,
    of: (run) => run.stat("workingset_refault_anon") + run.stat("workingset_refault_file"),
  },
  byWhom("pgscan", LIMIT_OF_SCANS),
  stat("pgrefill", LIMIT_OF_SCANS),
  stat("pgdeactivate", LIMIT_OF_SCANS),
];

/** A row for each counter that is judged. */
export function compareCounters(name: string, record: PressureRecord, model: Counters): CounterRow[] {
  const counted = (key: string): number => model[key] ?? 0;
  const ofModel: Values = { rusage: counted, stat: counted, machine: counted };
  return COMPARED.map(({ counter, limit, of }) => {
    const values = record.runs.map((run) => of(valuesOf(run)));
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const spread = mean === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / mean;
    const allowed = Math.max(isGlobal(record.params) ? LIMIT_GLOBAL : limit, spread);
    const value = of(ofModel);
    return { name, counter, record: mean, model: value, allowed, within: Math.abs(value - mean) <= allowed * mean };
  });
}

const isGlobal = (p: PressureParams): boolean => p.memcgMaxPages === 0;

function valuesOf({ rusage, vmstat, memstat }: PressureRun): Values {
  const machine = (key: string): number => vmstat[key] ?? 0;
  return {
    rusage: (key) => rusage[key] ?? 0,
    stat: memstat === null ? machine : (key) => memstat[key] ?? 0,
    machine,
  };
}
