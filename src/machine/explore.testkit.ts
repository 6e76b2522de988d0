/** Exhaustive loops for the tests of this folder: no reduction, no cleverness; states are compared as strings. */
import { onMachine, setupProgram } from "../search/program.ts";
import type { AccessSink } from "./core.ts";
import { Finding } from "./finding.ts";
import { LIVE, type Machine, type MachineOptions } from "./machine.ts";
import { waitCycle } from "./waitFor.ts";

export interface Explored {
  readonly states: number;
  /** "verdict: message" of each finding, sorted. */
  readonly findings: readonly string[];
  /** Verdicts alone, each once, sorted; "ok" when there is none. */
  readonly verdicts: readonly string[];
  /** What `observe` says at the ends without a finding, each once, sorted. */
  readonly ends: readonly string[];
  /** Wait-for cycles that were seen while something could still run, as names. */
  readonly earlyCycles: readonly string[];
}

interface Options extends Partial<MachineOptions> {
  readonly observe?: (m: Machine) => string;
  /** Check in every state that operations without a conflict commute. */
  readonly commute?: boolean;
}

/** Every state that `setup` can reach. */
export function explore(setup: (m: Machine) => void, options: Options = {}): Explored {
  const { observe = () => "", commute = false, ...machine } = options;
  return onMachine(setupProgram(setup), machine, (m) => {
    const seen = new Set<string>();
    const findings = new Set<string>();
    const ends = new Set<string>();
    const cycles = new Set<string>();
    const note = (f: Finding): unknown => findings.add(`${f.verdict}: ${f.message}`);
    if (m.initialFinding) note(m.initialFinding);
    const stack = [m.snapshot()];
    seen.add(m.words.join());
    for (let words = m.initialFinding ? undefined : stack.pop(); words !== undefined; words = stack.pop()) {
      m.restore(words, 0);
      const enabled = m.tasks.map((t) => t.slot).filter((t) => m.enabled(t));
      for (const { slot } of m.tasks) {
        const cycle = enabled.length > 0 ? waitCycle(m, slot) : null;
        if (cycle) cycles.add(cycle.map((t) => m.tasks[t].name).join(" -> "));
      }
      if (commute) checkCommutation(m, words);
      if (enabled.length === 0) {
        const f = m.judgeEnd();
        if (f) note(f);
        else ends.add(observe(m));
      }
      for (const t of enabled) {
        const choices = m.choices(t);
        for (let c = 0; c < choices; c++) {
          m.restore(words, 0);
          const f = tryStep(m, t, c);
          if (f) {
            note(f);
            continue;
          }
          const key = m.words.join();
          if (seen.has(key)) continue;
          seen.add(key);
          stack.push(m.snapshot());
        }
      }
    }
    const verdicts = new Set([...findings].map((f) => f.slice(0, f.indexOf(":"))));
    return {
      states: seen.size,
      findings: [...findings].sort(),
      verdicts: verdicts.size === 0 ? ["ok"] : [...verdicts].sort(),
      ends: [...ends].sort(),
      earlyCycles: [...cycles].sort(),
    };
  });
}

/** Steps `t` as long as it can; the finding that ends it, if any. (Task files cannot catch findings themselves.) */
export function stepWhileEnabled(m: Machine, t: number): Finding | null {
  while (m.stateOf(t) === LIVE && m.enabled(t)) {
    const f = tryStep(m, t);
    if (f) {
      m.fail(t);
      return f;
    }
  }
  return null;
}

export function tryStep(m: Machine, t: number, choice = 0): Finding | null {
  try {
    m.step(t, choice);
    return null;
  } catch (e) {
    if (e instanceof Finding) return e;
    throw e;
  }
}

class Accesses implements AccessSink {
  readonly reads = new Set<number>();
  readonly writes = new Set<number>();
  all = false;
  read(at: number): void {
    this.reads.add(at);
  }
  write(at: number): void {
    this.writes.add(at);
  }
  top(): void {
    this.all = true;
  }
  conflicts(o: Accesses): boolean {
    if (this.all || o.all) return true;
    const touches = (at: number): boolean => o.reads.has(at) || o.writes.has(at);
    return [...this.writes].some(touches) || [...o.writes].some((at) => this.reads.has(at));
  }
}

/** In the state `words`: whatever does not conflict neither enables, nor disables, nor changes the other's outcome. */
function checkCommutation(m: Machine, words: Int32Array): void {
  const pending = m.tasks.map((t) => t.slot).filter((t) => m.pendingOp(t).id !== 0 && !m.pendingOp(t).eager);
  const accesses = new Map(
    pending.map((t) => {
      const a = new Accesses();
      m.access(t, a);
      return [t, a];
    }),
  );
  const outcome = (first: number, second: number): string => {
    m.restore(words, 0);
    const f = tryStep(m, first);
    if (f) return "finding";
    if (!m.enabled(second)) return "disabled";
    const g = tryStep(m, second);
    return g ? "finding" : m.words.join();
  };
  for (const t of pending) {
    m.restore(words, 0);
    if (!m.enabled(t) || m.choices(t) > 1) continue;
    for (const u of pending) {
      const [a, b] = [accesses.get(t), accesses.get(u)];
      if (u === t || !a || !b || a.conflicts(b)) continue;
      m.restore(words, 0);
      const describe = (): string =>
        `${m.pendingOp(t).name} of ${m.tasks[t].name}, ${m.pendingOp(u).name} of ${m.tasks[u].name}`;
      const names = describe();
      const before = m.enabled(u);
      if (tryStep(m, t)) continue;
      if (m.enabled(u) !== before) throw new Error(`no conflict declared, but enabledness changes: ${names}`);
      m.restore(words, 0);
      if (!before || m.choices(u) > 1 || t > u) continue;
      if (outcome(t, u) !== outcome(u, t)) throw new Error(`no conflict declared, but the order matters: ${names}`);
    }
  }
  m.restore(words, 0);
}

/** Explores in coarse and in fine steps; the verdicts and the ends must be the same. */
export function exploreBoth(setup: (m: Machine) => void, observe?: (m: Machine) => string): Explored {
  const coarse = explore(setup, { observe });
  const fine = explore(setup, { observe, fine: true, commute: true });
  if (coarse.verdicts.join() !== fine.verdicts.join())
    throw new Error(`verdicts differ: coarse ${coarse.verdicts.join()}, fine ${fine.verdicts.join()}`);
  if (coarse.ends.join("\n") !== fine.ends.join("\n"))
    throw new Error(`ends differ: coarse ${coarse.ends.join(" | ")}, fine ${fine.ends.join(" | ")}`);
  return coarse;
}

/** Message of what `f` throws, "" when it does not. */
export function failureOf(f: () => unknown): string {
  try {
    f();
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
  return "";
}
