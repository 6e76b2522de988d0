/**
 * What becomes of lockdep's reports: for each one a schedule is looked for in which the order that it complains about
 * does deadlock. Then it is witnessed; or all schedules were looked at and none does, a false alarm of this scenario;
 * or the bounds were too small to tell.
 */
import { objectAt, T_OBJ, W } from "../machine/core.ts";
import type { Finding } from "../machine/finding.ts";
import { Lock, locksHeld } from "../machine/lock.ts";
import {
  exportEdges,
  importEdges,
  type LockdepReport,
  lockdepReports,
  observeLockdep,
  resetLockdep,
} from "../machine/lockdep.ts";
import { activeMachine, type MachineOptions } from "../machine/machine.ts";
import { Work, WorkQueue } from "../machine/workqueue.ts";
import { stepAndJudge } from "./judge.ts";
import { minimise } from "./minimal.ts";
import { type Decision, onMachine, type Program } from "./program.ts";
import { searchStateful } from "./stateful.ts";

export interface CheckedLockdepReport extends LockdepReport {
  readonly outcome: "witnessed" | "false alarm" | "undecided";
  /** The schedule that witnesses it; belongs to `machine`. */
  readonly schedule: readonly Decision[] | null;
  readonly machine: Partial<MachineOptions>;
}

/** What lockdep makes of a program, beside what the search found. */
export interface LockdepSummary {
  /**
   * Is one of its reports about the broken rule: a deadlock whose waits are all for what lockdep knows, and it reports a
   * circle in that very run? Null when no rule is broken; "undecided" when none is, and not every run was looked at.
   */
  readonly sees: "yes" | "no" | "undecided" | null;
  /** Reports by what became of them. */
  readonly witnessed: number;
  readonly falseAlarms: number;
  readonly undecided: number;
}

/** What is known from the search in which the reports were made. */
export interface Known {
  /** All runs were seen, and none breaks a rule. */
  readonly allWell: boolean;
  readonly machine: Partial<MachineOptions>;
  readonly shouldStop: () => string | null;
  /** The smallest run that breaks a rule, and what lockdep says of that run alone: see `circlesOfRun`. */
  readonly bug: Counterexample | null;
  readonly circles: readonly LockdepReport[];
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
    if (known.bug && isAbout(report, known.circles)) {
      return concluded(report, "witnessed", known.bug.schedule, known.bug.machine);
    }
    if (i >= MAX_REPORTS) return concluded(report, "undecided", null, known.machine);
    const found = minimise(program, "deadlock", {
      machine: known.machine,
      wanted: (f) => f.verdict === "deadlock" && holdAll(f, report.classes),
      maxNodes: MAX_NODES,
      shouldStop: known.shouldStop,
    });
    if (found.best) {
      const { schedule, finding } = found.best;
      const borneOut = isAbout(report, circlesOfRun({ program, machine: found.machine, schedule, finding }));
      return concluded(report, borneOut ? "witnessed" : "undecided", schedule, found.machine);
    }
    return concluded(report, found.proven ? "false alarm" : "undecided", null, found.machine);
  });
}

/** Do the tasks of the deadlock, which the active machine shows, hold all of these classes? In a circle of them they do. */
function holdAll(f: Finding, classes: readonly string[]): boolean {
  const held = new Set(
    f.cycle.flatMap((t) =>
      locksHeld(t).map(({ lock, subclass }) => (subclass === 0 ? lock.lockClass : `${lock.lockClass}/${subclass}`)),
    ),
  );
  return classes.every((c) => held.has(c));
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

/** States that are looked at after a rule was found broken, so that lockdep sees what else can run. */
const MAX_STATES = 200_000;

/**
 * A search ends with the first broken rule, and lockdep would know only what ran until then. Here every run is made, past
 * broken rules too, while the caller observes: as if a test suite had exercised every path. False when the bound came first.
 */
export function exerciseEveryPath(
  program: Program,
  machine: Partial<MachineOptions>,
  shouldStop: () => string | null,
): boolean {
  const search = { all: true, maxStates: MAX_STATES, shouldStop };
  return onMachine(program, machine, (m) => searchStateful(m, search)).stopped === null;
}

/** The figures of the reports, and whether one of them is about the broken rule. */
export function summaryOf(
  reports: readonly CheckedLockdepReport[],
  { bug, circles }: Pick<Known, "bug" | "circles">,
  everyRun: boolean,
): LockdepSummary {
  const count = (outcome: CheckedLockdepReport["outcome"]) => reports.filter((r) => r.outcome === outcome).length;
  const rest = { witnessed: count("witnessed"), falseAlarms: count("false alarm"), undecided: count("undecided") };
  if (bug === null) return { sees: null, ...rest };
  if (circles.length > 0) return { sees: "yes", ...rest };
  return { sees: everyRun || bug.finding.verdict !== "deadlock" ? "no" : "undecided", ...rest };
}

export interface Counterexample {
  readonly program: Program;
  readonly machine: Partial<MachineOptions>;
  readonly schedule: readonly Decision[];
  readonly finding: Finding;
}

/** Shorter circles hide longer ones, so either may be within the other. */
const isAbout = ({ classes }: LockdepReport, circles: readonly LockdepReport[]): boolean =>
  circles.some((c) => isWithin(c.classes, classes) || isWithin(classes, c.classes));
const isWithin = (some: readonly string[], all: readonly string[]): boolean => some.every((c) => all.includes(c));

/**
 * What lockdep, seeing a run that ends in a deadlock and nothing else, reports of the tasks of that deadlock. Empty when one
 * of them waits for something that lockdep does not know: then a circle that it sees is another one. What it has learnt
 * before is as before.
 */
export function circlesOfRun({ program, machine, schedule, finding }: Counterexample): readonly LockdepReport[] {
  if (finding.verdict !== "deadlock" || finding.cycle.length === 0) return [];
  const learnt = exportEdges();
  const anew: Program = (options) => {
    resetLockdep();
    return program(options);
  };
  observeLockdep(true);
  try {
    return onMachine(anew, machine, (m) => {
      for (const { task, choice } of schedule) stepAndJudge(m, task, choice);
      if (!finding.cycle.every(waitIsKnown)) return [];
      const names = finding.cycle.map((t) => m.tasks[t].name);
      return lockdepReports().filter(({ edges }) => edges.every(({ witness }) => names.includes(witness.task)));
    });
  } finally {
    observeLockdep(false);
    resetLockdep();
    importEdges(learnt);
  }
}

/** Does task `t` of the active machine wait for a lock that lockdep knows, or for work, which has a map? */
function waitIsKnown(t: number): boolean {
  const object = objectAt(W[activeMachine().tasks[t].base + T_OBJ]);
  return object instanceof Lock ? object.lockdep : object instanceof Work || object instanceof WorkQueue;
}
