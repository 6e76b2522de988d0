/** The parts of a report that the terminal and the mail share: each a list of lines in the given style. */
import type { Hold, Run } from "../search/run.ts";
import { cycleEdges, edgeInWords, placeInWords, stackInWords } from "./cycle.ts";
import { lockdepSentence } from "./lockdep.ts";
import type { Outcome } from "./outcome.ts";
import { brokenRulesOf, pageOfRule } from "./pages.ts";
import type { Style } from "./style.ts";
import { clean, count, grouped, wrap } from "./width.ts";

/** Who waits for whom, and through which calls each of them came there. */
export function cycleSection(run: Run, style: Style): string[] {
  const arrow = style.unicode ? " ← " : " <- ";
  return cycleEdges(run).flatMap((e) => {
    const frame = e.stack[0];
    const at = frame ? [`at ${placeInWords(frame.place)}: ${frame.place.text}`] : [];
    const holds = e.holds.length > 0 ? [`holding ${e.holds.map(holdInWords).join(", ")}`] : [];
    const calls = e.stack.length > 0 ? [`in ${stackInWords(e.stack, arrow)}`] : [];
    return [
      ...wrap(clean(edgeInWords(e), style), style.width - 2, "  ").map((l) => `  ${l}`),
      ...[...at, ...calls, ...holds].flatMap((text) =>
        wrap(clean(text, style), style.width - 6, "   ").map((l) => `      ${l}`),
      ),
    ];
  });
}

function holdInWords(h: Hold): string {
  const how = h.shared ? " for reading" : "";
  return `${h.lock}${how} (${h.place === null ? "from the start" : placeInWords(h.place)})`;
}

/** Where the rule was broken: for findings that are not about waiting. */
export function placeSection(run: Run, style: Style): string[] {
  const stack = run.finding?.stack ?? [];
  const frame = stack[0];
  if (!frame) return [];
  const arrow = style.unicode ? " ← " : " <- ";
  return [`${placeInWords(frame.place)}: ${frame.place.text}`, `in ${stackInWords(stack, arrow)}`].flatMap((text) =>
    wrap(clean(text, style), style.width - 4, "   ").map((l) => `  ${l}`),
  );
}

/** "6 steps, 1 context switch, 0 preemptions: no other is smaller". */
export function sizeOfSchedule(o: Outcome, run: Run): string {
  const size = [
    count(run.steps.length, "step"),
    count(run.switches, "context switch", "context switches"),
    count(run.preemptions, "preemption"),
  ].join(", ");
  return o.minimal ? `${size}; no other is smaller` : size;
}

/** What was searched, in one sentence. */
export function searchSection(o: Outcome, style: Style): string[] {
  if (o.engine === "replay") return [];
  const unit = o.engine === "dpor" ? "execution" : "state";
  const parts = [`${count(o.states, unit)}, ${count(o.transitions, "transition")}, depth ${grouped(o.maxDepth)}`];
  parts.push(`${secondsInWords(o.seconds)} with ${count(o.workers, "worker")}`);
  const how = [o.engine, o.reduction].filter((s) => s !== "").join(", ");
  if (how !== "") parts.push(how);
  if (o.estimate !== null) {
    parts.push(`estimated before: ${about(o.estimate.states, "states")}, ${about(o.estimate.traces, "traces")}`);
  }
  if (o.seed !== null) parts.push(`seed ${o.seed}`);
  const text = `Searched: ${parts.join("; ")}.`;
  const covered = o.complete || o.covered === "" ? [] : wrap(clean(`Covered: ${o.covered}`, style), style.width, "  ");
  return [...wrap(clean(text, style), style.width, "  "), ...covered];
}

/** Estimates are not known to the last digit. */
function about(n: number, what: string): string {
  if (!Number.isFinite(n)) return `infinitely many ${what}`;
  return `${n < 1e9 ? grouped(n) : n.toExponential(0).replace("e+", "e")} ${what}`;
}

function secondsInWords(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(2)} s` : `${grouped(seconds)} s`;
}

/** Lock orders that could close a cycle in runs that were not seen, and whether lockdep sees what was found. */
export function lockdepSection(o: Outcome, style: Style): string[] {
  const sentence = lockdepSentence(o);
  return [...o.lockdep, ...(sentence === null ? [] : [sentence])].flatMap((text) =>
    wrap(clean(`lockdep: ${text}`, style), style.width, "  "),
  );
}

/** The rules of the contract that are broken, with their pages. */
export function rulesSection(o: Outcome, style: Style): string[] {
  return brokenRulesOf(o)
    .map(pageOfRule)
    .flatMap((page) => wrap(clean(`${page.title} (${page.path})`, style), style.width, "  "));
}

/** Where the case is from: commits, mails, documents. */
export function sourcesSection(o: Outcome, style: Style): string[] {
  return o.sources.flatMap((s) =>
    wrap(clean(`${s.ref}: ${s.what}`, style), style.width - 2, "  ").map((l) => `  ${l}`),
  );
}

/** The command that shows this run again, broken so that it can be pasted into a shell. */
export function replayCommand(o: Outcome, style: Style): string[] {
  const word = o.run?.schedule;
  if (word === undefined) return [];
  const target = o.variant === "" ? o.name : `${o.name}:${o.variant}`;
  const options = o.experiment.map((w) => `${shellWord(w)} `).join("");
  const command = `mayfail replay ${options}${shellWord(target)} `;
  const schedule = shellWord(word);
  const room = style.width - 4;
  if (command.length + schedule.length <= room) return [`  ${command}${schedule}`];
  // No part may begin with a dash: it would be taken for an option.
  const parts = word.match(new RegExp(`.{1,${room - 2}}(?!-)`, "gs")) ?? [];
  return [`  ${command}\\`, ...parts.map((p, i) => `    ${shellWord(p)}${i + 1 < parts.length ? " \\" : ""}`)];
}

/** Quoted where a shell would not take the word as it is. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) && !word.startsWith("~") ? word : `'${word.replace(/'/g, "'\\''")}'`;
}
