/** The report as Markdown, for an issue or a merge request: tables and fenced blocks as GitHub and GitLab know them. */
import { cycleEdges, edgeInWords, placeInWords, stackInWords, taskName } from "./cycle.ts";
import { lockdepSentence } from "./lockdep.ts";
import { code, codeBlock, escapeMd, mdTable } from "./mdText.ts";
import type { Outcome } from "./outcome.ts";
import { pagesOf } from "./pages.ts";
import { type LaneOptions, newsOf, type Row, rowsOf } from "./rows.ts";
import { replayCommand, searchSection, sizeOfSchedule } from "./sections.ts";
import { verdictSentence } from "./sentence.ts";
import type { Style } from "./style.ts";
import { clean } from "./width.ts";

const STYLE: Style = { width: 100, unicode: true, color: false };
/** Nobody shall have to look for the end of a line. */
const UNBROKEN: Style = { ...STYLE, width: 1_000_000 };

/** `version` is named, since a schedule belongs to the version that made it. */
export function mdReport(o: Outcome, version: string, options: LaneOptions = {}): string {
  const { run } = o;
  const target = o.variant === "" ? o.name : `${o.name}:${o.variant}`;
  const sentence = verdictSentence(o);
  const colon = sentence.indexOf(":");
  const about = [o.title, o.about].filter((s) => s !== "").map(escapeMd);
  const parts: string[][] = [
    [`## ${code(target, false)}`],
    [about.join("; ")],
    [`**${escapeMd(sentence.slice(0, colon))}:** ${escapeMd(sentence.slice(colon + 1).trim())}`],
    pagesOf(o).map((page) => `${escapeMd(page.title)}: ${code(page.path, false)}`),
  ];
  if (run !== null && (o.engine === "replay" || o.verdict !== "ok")) {
    if (o.verdict === "deadlock") parts.push(["### Who waits for whom"], waits(o));
    else if (run.finding?.stack[0]) parts.push(["### Where"], place(o));
    const rows = rowsOf(run, STYLE, { ...options, changes: false, loop: o.loop });
    parts.push(["### The schedule"], [`${escapeMd(sizeOfSchedule(o, run))}.`], lanesTable(o, rows));
    if (rows.some((r) => r.mark === "!")) {
      parts.push([escapeMd("! = the task before was preempted: it could have gone on")]);
    }
    parts.push(...folded("What each step changed", stateDiff(o)));
  }
  const lockdep = [...o.lockdep, lockdepSentence(o) ?? ""].filter((s) => s !== "");
  if (lockdep.length > 0) parts.push(["### Lockdep"], ...lockdep.map((s) => [escapeMd(s)]));
  if (o.sources.length > 0) {
    parts.push(
      ["### Where it is from"],
      o.sources.map((s) => `- ${code(s.ref, false)}: ${escapeMd(s.what)}`),
    );
  }
  const replay = replayCommand(o, UNBROKEN).map((line) => line.trim());
  if (replay.length > 0) parts.push([`To see this run again (mayfail ${version}):`], codeBlock(replay, "sh"));
  parts.push([searchSection(o, UNBROKEN).map(escapeMd).join(" ")]);
  return `${parts
    .map((lines) => lines.join("\n"))
    .filter((text) => text !== "")
    .join("\n\n")}\n`;
}

function waits(o: Outcome): string[] {
  if (o.run === null) return [];
  return cycleEdges(o.run).flatMap((e) => {
    const frame = e.stack[0];
    return [
      `- ${escapeMd(edgeInWords(e))}`,
      ...(frame ? [`  - at ${code(placeInWords(frame.place), false)}: ${code(frame.place.text, false)}`] : []),
      ...(e.stack.length > 0 ? [`  - in ${code(stackInWords(e.stack, " ← "), false)}`] : []),
      ...(e.holds.length > 0 ? [`  - holding ${e.holds.map((h) => code(h.lock, false)).join(", ")}`] : []),
    ];
  });
}

function place(o: Outcome): string[] {
  const stack = o.run?.finding?.stack ?? [];
  const [frame] = stack;
  if (!frame) return [];
  return [
    `- ${code(placeInWords(frame.place), false)}: ${code(frame.place.text, false)}`,
    `- in ${code(stackInWords(stack, " ← "), false)}`,
  ];
}

/** One column for each task, time downwards. */
function lanesTable(o: Outcome, rows: readonly Row[]): string[] {
  const { run } = o;
  if (run === null || rows.length === 0) return ["No step: the rule is broken from the start."];
  const tasks = [...new Set(rows.filter((r) => r.task >= 0).map((r) => r.task))];
  const body = rows.map((r) => {
    if (r.task < 0) return ["", `*${escapeMd(r.text)}*`, ...tasks.slice(1).map(() => ""), ""];
    const text = r.bad ? `**✗** ${code(r.text)}` : code(r.text);
    const cell = [text, ...r.notes.map((n) => `– ${escapeMd(n)}`)].join("<br>");
    const frame = r.stack[0];
    const where = frame ? `${code(placeInWords(frame.place))} ${escapeMd(frame.name)}` : "";
    return [`${escapeMd(r.mark)}${r.bad ? "" : r.label}`, ...tasks.map((t) => (t === r.task ? cell : "")), where];
  });
  return mdTable(["", ...tasks.map((t) => escapeMd(taskName(run, t))), "where"], body, [0]);
}

/** Each step with the words that it changed, in the notation of diffs. */
function stateDiff(o: Outcome): string[] {
  return (o.run?.steps ?? []).flatMap((s) => {
    const news = newsOf(s);
    if (news.length === 0 || o.run === null) return [];
    return [
      `@@ step ${s.step}, ${taskName(o.run, s.task)}: ${s.text} @@`,
      ...news.flatMap((c) => [`-${c.name}: ${c.before}`, `+${c.name}: ${c.after}`]),
    ].map((line) => clean(line, STYLE));
  });
}

function folded(title: string, lines: readonly string[]): string[][] {
  if (lines.length === 0) return [];
  return [[`<details><summary>${title}</summary>`], codeBlock(lines, "diff"), ["</details>"]];
}
