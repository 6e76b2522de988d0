/** Compares engines with the oracle on one program, and says in words how they differ. */
import type { Broken } from "../../machine/finding.ts";
import { onMachine, setupProgram } from "../program.ts";
import { describeProgram, type RandomProgram } from "./ast.testkit.ts";
import { project, setUp } from "./interpreter.testkit.ts";
import type { Engine, Observed } from "./oracle.testkit.ts";

export interface Comparison {
  /** Null: too large for the oracle. */
  readonly verdicts: ReadonlySet<string> | null;
  /** Engines for which it was not too large. */
  readonly compared: readonly string[];
  /** One entry for each engine that differs. */
  readonly differences: readonly string[];
}

/** Every engine must find exactly the oracle's verdicts and final states, or agree with it on one verdict. */
export function compare(
  p: RandomProgram,
  oracle: Engine,
  engines: Readonly<Record<string, Engine>>,
  only: Broken | null = null,
): Comparison {
  const program = setupProgram(setUp(p));
  const right = oracle.run(program, project);
  if (!right) return { verdicts: null, compared: [], differences: [] };
  const early = onMachine(program, {}, (m) => m.initialFinding?.verdict);
  const compared: string[] = [];
  const differences: string[] = [];
  for (const [name, engine] of Object.entries(engines)) {
    // Broken before the first scheduling point: there is nothing to schedule, and others are not seen.
    if (engine.coarse && early !== undefined) {
      if (!right.verdicts.has(early)) differences.push(`${name}: invents the verdict ${early}\n${describeProgram(p)}`);
      continue;
    }
    const parts: string[] = [];
    try {
      const got = engine.run(program, project);
      if (!got) continue;
      parts.push(...(only ? differAbout(only, right, got) : differ(right, got)));
    } catch (e) {
      parts.push(`ends with ${String(e)}`);
    }
    compared.push(name);
    if (parts.length > 0) differences.push(`${name}: ${parts.join("; ")}\n${describeProgram(p)}`);
  }
  return { verdicts: right.verdicts, compared, differences };
}

function differAbout(verdict: Broken, right: Observed, got: Observed): string[] {
  const has = right.verdicts.has(verdict);
  return has === got.verdicts.has(verdict) ? [] : [`${has ? "misses" : "invents"} the verdict ${verdict}`];
}

function differ(right: Observed, got: Observed): string[] {
  return [
    ...differences("verdict", right.verdicts, got.verdicts),
    ...differences("final state", right.finals, got.finals),
  ];
}

function differences(what: string, right: ReadonlySet<string>, got: ReadonlySet<string>): string[] {
  const missing = [...right].filter((x) => !got.has(x)).map((x) => `misses the ${what} ${x}`);
  const extra = [...got].filter((x) => !right.has(x)).map((x) => `invents the ${what} ${x}`);
  return [...missing, ...extra];
}
