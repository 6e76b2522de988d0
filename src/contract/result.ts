/** From a checked entry, and the run that breaks a rule, to what a card needs of it. */
import type { Verdict } from "../machine/finding.ts";
import type { Run } from "../search/run.ts";
import { USERSPACE } from "./attribute.ts";
import type { EntryResult } from "./card.ts";

interface Checked {
  readonly verdict: Verdict;
  readonly complete: boolean;
  readonly states: number;
  readonly seconds: number;
}

/** `found`: the message of a finding that is not in the run, as that of a livelock. */
export function resultOf(
  entry: string,
  { verdict, complete, states, seconds }: Checked,
  run: Run | null,
  found: { readonly message: string } | null = null,
): EntryResult {
  const result = { entry, verdict, complete, states, seconds };
  if (run === null || verdict === "ok") return { ...result, broken: null };
  const { finding } = run;
  const waiting = run.waiters.filter((w) => finding?.cycle.includes(w.task));
  const stack = [...(finding?.stack ?? []), ...waiting.flatMap((w) => w.stack)].map((f) => f.name);
  const task = finding === null || finding.task === null ? "" : (run.tasks[finding.task]?.name ?? "");
  const message = finding?.message ?? found?.message ?? "";
  const sinceCallback = finding !== null && finding.task !== null && userspaceSinceCallback(run, finding.task);
  return { ...result, broken: { message, steps: run.steps.length, stack, task, sinceCallback } };
}

function userspaceSinceCallback(run: Run, task: number): boolean {
  const callback = run.steps.findLastIndex(
    (s) => s.task === task && s.stack.some((f) => f.name === "invalidateRangeStart"),
  );
  if (callback < 0) return false;
  return run.steps.slice(callback + 1).some((s) => run.tasks[s.task]?.name === USERSPACE);
}
