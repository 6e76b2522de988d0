/**
 * One CPU that tasks share by time: a task that is woken goes first, since it has slept; then each has the CPU for a slice.
 *
 *   step of the task that has the CPU ─ ends where it may be rescheduled ─▶ slice used up, or it waits ─▶ the next that can run
 *
 * Time is that of the machine of the records, by what has been done: a fault that brings a new page, and a folio that reclaim
 * looks at, cost about what they cost there: rough figures, read off the costs of first touches and the times between trace events.
 */
import type { Finding } from "../../machine/finding.ts";
import type { Machine } from "../../machine/machine.ts";
import type { Kernel } from "../../mm/kernel.ts";

/** HZ = 250: a slice ends with a tick. */
const SLICE_NS = 4_000_000;
const FAULT_NS = 7_000;
const SCAN_NS = 2_600;

/** Nanoseconds that the work done so far has taken. */
function timeOf(k: Kernel): number {
  const { pgfault, pgscan_anon, pgscan_file } = k.stat.global;
  return pgfault * FAULT_NS + (pgscan_anon + pgscan_file) * SCAN_NS;
}

/** Runs until no task can go on. Null when all is well; raises the finding of a step. */
export function runOnOneCpu(m: Machine, k: Kernel): Finding | null {
  m.activate();
  if (m.initialFinding) throw m.initialFinding;
  const n = m.tasks.length;
  let running = 0;
  let since = timeOf(k);
  let waited = new Array<boolean>(n).fill(false);
  for (;;) {
    const able = waited.map((_, t) => m.enabled(t));
    if (!able.includes(true)) return m.judgeEnd();
    const woken = able.findIndex((can, t) => can && waited[t] && t !== running);
    if (woken >= 0 || !able[running] || timeOf(k) - since >= SLICE_NS) {
      let next = woken;
      for (let i = 1; next < 0; i++) if (able[(running + i) % n]) next = (running + i) % n;
      running = next;
      since = timeOf(k);
    }
    waited = able.map((can) => !can);
    m.step(running);
  }
}
