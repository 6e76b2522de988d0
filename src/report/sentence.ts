/** The verdict in one sentence. It stands alone: a reader who reads nothing else knows what is wrong, and where. */
import type { Run } from "../search/run.ts";
import { cycleEdges, edgeInWords, placeInWords, taskName } from "./cycle.ts";
import type { Outcome } from "./outcome.ts";
import type { Paint } from "./style.ts";
import { count } from "./width.ts";

export function verdictSentence(o: Outcome): string {
  if (o.engine === "replay" && o.verdict === "ok") return replayedWell(o);
  if (o.verdict === "ok") return o.complete ? allExplored(o) : notDecided(o);
  return `${o.verdict}: ${brokenRule(o.run) ?? "a rule is broken"}.`;
}

function allExplored(o: Outcome): string {
  return `ok: no rule is broken in any interleaving (${explored(o)}).`;
}

function notDecided(o: Outcome): string {
  return `not decided: no rule is broken as far as the search went (${explored(o)}).`;
}

function replayedWell(o: Outcome): string {
  return o.complete ? "ok: this run breaks no rule." : "ok so far: the schedule ends where the run could go on.";
}

function explored(o: Outcome): string {
  return o.engine === "dpor" ? count(o.states, "execution") : count(o.states, "state");
}

/** What is broken, without the verdict's name; null when there is no run to tell it from. */
export function brokenRule(run: Run | null): string | null {
  if (run === null || run.finding === null) return null;
  const { verdict, message, task, stack } = run.finding;
  if (verdict === "deadlock" && run.waiters.length > 0) {
    return cycleEdges(run).map(edgeInWords).join("; ");
  }
  const where = stack[0]?.place;
  const who = task === null ? undefined : taskName(run, task);
  const said = message.replace(/[.\s]+$/, "");
  if (!where) return who === undefined || said.includes(who) ? said : `${said} (${who})`;
  const at = `at ${placeInWords(where)}`;
  return who === undefined || said.includes(who) ? `${said}, ${at}` : `${said}, in ${who} ${at}`;
}

export function paintOf(o: Pick<Outcome, "verdict" | "complete">): Paint {
  if (o.verdict !== "ok") return "bad";
  return o.complete ? "good" : "unsure";
}
