/** What a test of the parallel search runs outside of the test runner, where worker threads load the same modules. */
import { searchParallel, setWorkerUrl } from "../parallel/parallel.ts";
import { onMachine, setupProgram } from "../program.ts";
import { searchStateful } from "../stateful.ts";
import { describeProgram } from "./ast.testkit.ts";
import { oracle } from "./engines.testkit.ts";
import { project, setUp } from "./interpreter.testkit.ts";
import { programOf } from "./randomCases.testkit.ts";

export interface ParallelOutcome {
  /** How the search differs from the oracle, or with the number of workers; empty = it does not. */
  readonly differences: readonly string[];
  readonly verdict: string;
}

/**
 * Searches a program with 1 and 2 workers. Null when it is too large for the oracle, or when a rule is broken before the
 * first scheduling point, so that nothing is left to search.
 */
export async function compareParallel(
  variant: string,
  workerUrl: string,
  casesUrl: string,
): Promise<ParallelOutcome | null> {
  setWorkerUrl(new URL(workerUrl));
  const p = programOf(variant);
  const program = setupProgram(setUp(p));
  const right = oracle.run(program, project);
  if (!right) return null;
  // As in a check: a sequential search has found out before how large the machine must be.
  const machine = onMachine(program, {}, (m) => {
    searchStateful(m, { all: true });
    return m.initialFinding ? null : m.options;
  });
  if (!machine) return null;
  const search = (workers: number) =>
    searchParallel(
      { url: casesUrl, caseId: "random", variant },
      {
        workers,
        maxStates: Number.POSITIVE_INFINITY,
        maxBytes: 2 ** 24,
        shouldStop: () => null,
        localSteps: true,
        machine,
      },
    );
  const one = await search(1);
  const two = await search(2);
  const differences: string[] = [];
  for (const r of [one, two]) {
    const { violation } = r;
    if (violation ? !right.verdicts.has(violation.verdict) : right.verdicts.size > 0) {
      differences.push(`finds ${violation?.verdict ?? "nothing"}, where there is ${[...right.verdicts].join(" ")}`);
    }
    if (!violation && !r.complete) differences.push(`ends early: ${r.stopped}`);
  }
  const totals = (r: typeof one) => `${r.states} states, ${r.transitions} transitions`;
  if (right.verdicts.size === 0 && totals(one) !== totals(two)) {
    differences.push(`1 worker: ${totals(one)}; 2 workers: ${totals(two)}`);
  }
  const verdict = one.violation?.verdict ?? "ok";
  return { differences: differences.map((d) => `${variant}: ${d}\n${describeProgram(p)}`), verdict };
}
