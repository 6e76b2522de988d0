/**
 * What becomes of lockdep's reports: for each one a schedule is looked for in which the order that it complains about
 * does deadlock. Then it is witnessed; or all schedules were looked at and none does, a false alarm of this scenario;
 * or the bounds were too small to tell.
 */
import { objectAt, ops, T_ARG, T_OBJ, T_OP, W } from "../machine/core.ts";
import type { Finding } from "../machine/finding.ts";
import { Lock, locksHeld } from "../machine/lock.ts";
import type { LockdepReport } from "../machine/lockdep.ts";
import { activeMachine, type MachineOptions } from "../machine/machine.ts";
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
   * Is one of its reports about the broken rule: a deadlock whose waits are all for locks, in the circle of classes that
   * the report names? Null when no rule is broken; "undecided" when none is, and not every run was looked at.
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
  /** The smallest run that breaks a rule, and the classes of its circle: see `circleOf`. */
  readonly bug: Counterexample | null;
  readonly circle: readonly string[] | null;
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
    if (known.bug && isAbout(report, known.circle)) {
      return concluded(report, "witnessed", known.bug.schedule, known.bug.machine);
    }
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
  { bug, circle }: Pick<Known, "bug" | "circle">,
  everyRun: boolean,
): LockdepSummary {
  const count = (outcome: CheckedLockdepReport["outcome"]) => reports.filter((r) => r.outcome === outcome).length;
  const rest = { witnessed: count("witnessed"), falseAlarms: count("false alarm"), undecided: count("undecided") };
  if (bug === null) return { sees: null, ...rest };
  if (reports.some((report) => isAbout(report, circle))) return { sees: "yes", ...rest };
  return { sees: everyRun || circle === null ? "no" : "undecided", ...rest };
}

export interface Counterexample {
  readonly program: Program;
  readonly machine: Partial<MachineOptions>;
  readonly schedule: readonly Decision[];
  readonly finding: Finding;
}

/** Shorter circles hide longer ones, so either may be within the other. */
const isAbout = ({ classes }: LockdepReport, circle: readonly string[] | null): boolean =>
  circle !== null && (isWithin(circle, classes) || isWithin(classes, circle));
const isWithin = (some: readonly string[], all: readonly string[]): boolean => some.every((c) => all.includes(c));

/**
 * The classes that the tasks of a deadlock wait for, as lockdep names them; null when it is no circle of locks to it: one
 * waits for something else than a lock, or for a lock that was taken under another subclass than the one it is wanted under.
 */
export function circleOf({ program, machine, schedule, finding }: Counterexample): readonly string[] | null {
  if (finding.verdict !== "deadlock" || finding.cycle.length === 0) return null;
  return onMachine(program, machine, (m) => {
    for (const { task, choice } of schedule) stepAndJudge(m, task, choice);
    const classes = finding.cycle.map((t, i) => waitedClass(t, finding.cycle[(i + 1) % finding.cycle.length]));
    return classes.includes(null) ? null : (classes as string[]);
  });
}

/** Task `t` of the active machine waits for what `owner` holds, or is itself in the queue for. */
function waitedClass(t: number, owner: number): string | null {
  const wanted = wantedLock(t);
  if (!wanted?.lock.lockdep) return null;
  const hold = locksHeld(owner).find((h) => h.lock === wanted.lock);
  const name = nameOf(wanted.lock, wanted.subclass);
  if (hold) return nameOf(hold.lock, hold.subclass) === name ? name : null;
  return wantedLock(owner)?.lock === wanted.lock ? name : null;
}

function wantedLock(t: number): { readonly lock: Lock; readonly subclass: number } | null {
  const { base } = activeMachine().tasks[t];
  const lock = objectAt(W[base + T_OBJ]);
  if (ops[W[base + T_OP]].acquires === undefined || !(lock instanceof Lock)) return null;
  // The argument of a ww mutex is its context.
  return { lock, subclass: lock.kind === "wwMutex" ? 0 : W[base + T_ARG] };
}

const nameOf = (lock: Lock, subclass: number): string =>
  subclass === 0 ? lock.lockClass : `${lock.lockClass}/${subclass}`;
