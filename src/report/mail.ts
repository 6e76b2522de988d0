/** The report for a mailing list: the same content as the terminal's, in 72 plain ASCII columns, with a subject. */
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
import { verdictSentence } from "./sentence.ts";
import { MAIL } from "./style.ts";
import { clean, wrap } from "./width.ts";

/** `version` is named in the mail, since a schedule belongs to the version that made it. */
export function mailReport(o: Outcome, version: string, options: LaneOptions = {}): string {
  const { run } = o;
  const paragraphs: string[][] = [
    [`Subject: ${clean(subject(o), MAIL)}`],
    wrap(clean(verdictSentence(o), MAIL), MAIL.width),
    rulesSection(o, MAIL),
    wrap(clean([o.title, o.about].filter((s) => s !== "").join("; "), MAIL), MAIL.width),
  ];
  if (run !== null && (o.engine === "replay" || o.verdict !== "ok")) {
    if (o.verdict === "deadlock") paragraphs.push(["Who waits for whom:"], cycleSection(run, MAIL));
    else if (placeSection(run, MAIL).length > 0) paragraphs.push(["Where:"], placeSection(run, MAIL));
    paragraphs.push(
      wrap(`The schedule: ${sizeOfSchedule(o, run)}`, MAIL.width),
      lanes(run, MAIL, { ...options, loop: o.loop }),
    );
  }
  paragraphs.push(lockdepSection(o, MAIL));
  if (o.sources.length > 0) paragraphs.push(["Where it is from:"], sourcesSection(o, MAIL));
  const replay = replayCommand(o, MAIL);
  if (replay.length > 0) paragraphs.push([`To see this run again (mayfail ${version}):`], replay);
  paragraphs.push(searchSection(o, MAIL));
  return `${paragraphs
    .filter((p) => p.length > 0)
    .map((p) => p.map((line) => line.trimEnd()).join("\n"))
    .join("\n\n")}\n`;
}

function subject(o: Outcome): string {
  const name = o.variant === "" ? o.name : `${o.name}:${o.variant}`;
  const verdict = o.verdict === "ok" && !o.complete ? "not decided" : o.verdict;
  return `[mayfail] ${verdict}: ${name}`;
}
