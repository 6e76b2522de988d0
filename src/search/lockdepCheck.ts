/**
 * What becomes of lockdep's reports: for each one a schedule is looked for in which the order that it complains about
 * does deadlock. Then it is witnessed; or all schedules were looked at and none does, a false alarm of this scenario;
 * or the bounds were too small to tell.
 */
import { objectAt, T_OBJ, W } from "../machine/core.ts";
import type { Finding } from "../machine/finding.ts";
import { Lock } from "../machine/lock.ts";
import type { LockdepReport } from "../machine/lockdep.ts";
import { activeMachine, type MachineOptions } from "../machine/machine.ts";
import { minimise } from "./minimal.ts";
import type { Decision, Program } from "./program.ts";

export interface CheckedLockdepReport extends LockdepReport {
  readonly outcome: "witnessed" | "false alarm" | "undecided";
  /** The schedule that witnesses it; belongs to `machine`. */
  readonly schedule: readonly Decision[] | null;
  readonly machine: Partial<MachineOptions>;
}

/** What is known from the search in which the reports were made. */
export interface Known {
  /** All runs were seen, and none breaks a rule. */
  readonly allWell: boolean;
  readonly machine: Partial<MachineOptions>;
  readonly shouldStop: () => string | null;
}

/** More reports than this are not looked into; nodes that the search for one schedule may look at. */
const MAX_REPORTS = 8;
const MAX_NODES = 100_000;

export function checkReports(
  program: Program,
  reports: readonly LockdepReport[],
  known: Known,
): readonly CheckedLockdepReport[] {
  return reports.map((report, i) => {
    if (known.allWell) return concluded(report, "false alarm", null, known.machine);
    if (i >= MAX_REPORTS) return concluded(report, "undecided", null, known.machine);
    const found = minimise(program, "deadlock", {
      machine: known.machine,
      wanted: (f) => f.verdict === "deadlock" && waitsForAny(f, report.classes),
      maxNodes: MAX_NODES,
      shouldStop: known.shouldStop,
    });
    if (found.best) return concluded(report, "witnessed", found.best.schedule, found.machine);
    return concluded(report, found.proven ? "false alarm" : "undecided", null, found.machine);
  });
}

/** Does a task of the deadlock, which the active machine shows, wait for a lock of one of these classes? */
function waitsForAny(f: Finding, classes: readonly string[]): boolean {
  const { tasks } = activeMachine();
  return f.cycle.some((t) => {
    const object = objectAt(W[tasks[t].base + T_OBJ]);
    return (
      object instanceof Lock && classes.some((c) => c === object.lockClass || c.startsWith(`${object.lockClass}/`))
    );
  });
}

const CONCLUSION = {
  witnessed: "A schedule of this case shows it.",
  "false alarm": "No schedule of this case shows it: here it is a false alarm.",
  undecided: "Whether a schedule of this case shows it was not decided within the bounds.",
};

function concluded(
  report: LockdepReport,
  outcome: CheckedLockdepReport["outcome"],
  schedule: readonly Decision[] | null,
  machine: Partial<MachineOptions>,
): CheckedLockdepReport {
  const stop = report.text.endsWith(".") ? "" : ".";
  return { ...report, text: `${report.text}${stop} ${CONCLUSION[outcome]}`, outcome, schedule, machine };
}
