/** The report for a terminal: verdict, cycle, swim lanes, how to see it again, what was searched. */
import { lanes } from "./lanes.ts";
import type { Outcome } from "./outcome.ts";
import type { LaneOptions } from "./rows.ts";
import {
  cycleSection,
  lockdepSection,
  placeSection,
  replayCommand,
  rulesSection,
  searchSection,
  sizeOfSchedule,
  sourcesSection,
} from "./sections.ts";
import { paintOf, verdictSentence } from "./sentence.ts";
import { type Paint, paint, type Style } from "./style.ts";
import { clean, wrap } from "./width.ts";

export function textReport(o: Outcome, style: Style, options: LaneOptions = {}): string {
  const { run } = o;
  const sections: string[][] = [heading(o, style), sentence(o, style), rulesSection(o, style)];
  const isReplay = o.engine === "replay";
  if (run !== null && (isReplay || o.verdict !== "ok")) {
    if (o.verdict === "deadlock") sections.push(["Who waits for whom:", ...cycleSection(run, style)]);
    else sections.push(titled("Where:", placeSection(run, style)));
    const size = wrap(`The schedule: ${sizeOfSchedule(o, run)}`, style.width, "  ");
    sections.push([...size, "", ...lanes(run, style, { ...options, loop: o.loop })]);
  }
  sections.push(lockdepSection(o, style));
  sections.push(titled("Where it is from:", sourcesSection(o, style)));
  if (!isReplay) sections.push(titled("To see this run again:", replayCommand(o, style)));
  sections.push(searchSection(o, style).map((line) => paint(style, "dim", line)));
  return `${sections
    .filter((s) => s.length > 0)
    .map((s) => s.join("\n"))
    .join("\n\n")}\n`;
}

function titled(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines];
}

/** "case:variant", and below it what that is. */
function heading(o: Outcome, style: Style): string[] {
  const about = [o.title, o.about].filter((s) => s !== "").join("; ");
  return [
    paint(style, "bold", clean(o.variant === "" ? o.name : `${o.name}:${o.variant}`, style)),
    ...wrap(clean(about, style), style.width),
  ];
}

function sentence(o: Outcome, style: Style): string[] {
  const lines = wrap(clean(verdictSentence(o), style), style.width, "  ");
  return lines.map((line, i) => (i === 0 ? colorHead(line, style, paintOf(o)) : line));
}

/** Only the verdict itself is in colour. */
function colorHead(line: string, style: Style, as: Paint): string {
  const colon = line.indexOf(":");
  return colon < 0 ? line : paint(style, as, line.slice(0, colon)) + line.slice(colon);
}
