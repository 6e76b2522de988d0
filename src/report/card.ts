/** The report card of a driver: a line for each rule of the contract. For a terminal, for a page, for programs. */
import type { Card, CardLine } from "../contract/card.ts";
import { CONTRACT, rulePage } from "../contract/rules.ts";
import { escapeMd, mdTable } from "./mdText.ts";
import { shellWord } from "./sections.ts";
import { paint, type Style } from "./style.ts";
import { type Cell, table } from "./table.ts";
import { clean, count, wrap } from "./width.ts";

/** What the card is of. */
export interface CardSubject {
  /** The word that names the driver's file. */
  readonly file: string;
  readonly variant: string;
  readonly about: string;
  /** Rules that its author knows it to break; null when nothing is said. */
  readonly breaks: readonly string[] | null;
}

const nameOf = (line: CardLine): string => CONTRACT.find((r) => r.id === line.rule)?.name.replaceAll("-", " ") ?? "";

function standing(line: CardLine): Cell {
  if (line.standing === "broken") return { text: "broken", paint: "bad" };
  return line.standing === "kept" ? { text: "kept", paint: "good" } : { text: line.standing, paint: "dim" };
}

/** How it is broken, in few words. */
function evidence({ by, entries }: CardLine): string {
  if (by === null) return "";
  const more = entries.length > 1 ? `, and ${count(entries.length - 1, "more entry", "more entries")}` : "";
  return `${by.verdict} in ${by.entry}${by.broken === null ? "" : ` (${count(by.broken.steps, "step")})`}${more}`;
}

export function cardText(card: Card, subject: CardSubject, style: Style): string[] {
  const title = `${subject.file}:${subject.variant}${subject.about === "" ? "" : `  ${subject.about}`}`;
  const lines = table(
    ["", "rule", "", ""],
    card.lines.map((line) => [line.rule, nameOf(line), standing(line), evidence(line)]),
    style,
  );
  return [
    paint(style, "bold", clean(title, style)),
    ...lines.slice(1),
    ...others(card, style),
    "",
    ...wrap(clean(summary(card, subject), style), style.width),
    ...commands(card, subject).map((line) => clean(line, style)),
  ];
}

function others({ others: all }: Card, style: Style): string[] {
  return all.flatMap((e) =>
    wrap(clean(`${e.entry}: ${e.verdict}: ${e.broken?.message ?? ""}`, style), style.width, "  "),
  );
}

function summary(card: Card, { breaks }: CardSubject): string {
  const of = (s: string): number => card.lines.filter((line) => line.standing === s).length;
  const seconds = card.entries.reduce((sum, e) => sum + e.seconds, 0);
  const states = card.entries.reduce((sum, e) => sum + e.states, 0);
  const undecided = of("not decided") > 0 ? `, ${of("not decided")} not decided` : "";
  const known = breaks === null || breaks.length === 0 ? "" : ` Its author says that it breaks ${breaks.join(", ")}.`;
  return (
    `${count(of("kept"), "rule")} kept, ${of("broken")} broken${undecided}, ${of("not tried")} not tried; ` +
    `${count(card.entries.length, "entry", "entries")}, ${count(states, "state")}, ${seconds.toFixed(1)} s.${known}`
  );
}

/** How to see each broken rule in full, and where it is explained. */
function commands(card: Card, { file, variant }: CardSubject): string[] {
  return card.lines.flatMap((line) =>
    line.by === null
      ? []
      : [
          "",
          `${line.rule}: ${rulePage(line.rule)}`,
          `  mayfail check ${shellWord(`${file}:${variant}/${line.by.entry}`)}`,
        ],
  );
}

export function cardMarkdown(card: Card, subject: CardSubject): string[] {
  return [
    `## ${escapeMd(`${subject.file}:${subject.variant}`)}`,
    "",
    ...mdTable(
      ["rule", "", "", ""],
      card.lines.map((line) => [line.rule, escapeMd(nameOf(line)), standing(line).text, escapeMd(evidence(line))]),
    ),
    "",
    escapeMd(summary(card, subject)),
  ];
}

export function cardJson(card: Card, subject: CardSubject) {
  return {
    schema: "mayfail/card/1",
    driver: subject.file,
    variant: subject.variant,
    breaks: subject.breaks,
    rules: card.lines.map(({ rule, standing: s, by, entries }) => ({
      rule,
      standing: s,
      entries,
      verdict: by?.verdict ?? null,
      steps: by?.broken?.steps ?? null,
    })),
    entries: card.entries.map(({ entry, verdict, complete, states, seconds }) => ({
      entry,
      verdict,
      complete,
      states,
      seconds,
    })),
  };
}
