/** `mayfail check --driver`: a driver in every entry of the battery, and a report card for each of its variants. */

import { BATTERY } from "../contract/battery/index.ts";
import { type Card, cardOf } from "../contract/card.ts";
import { resultOf } from "../contract/result.ts";
import { rowName } from "../contract/suite.ts";
import { mayfailError } from "../errors.ts";
import { type CardSubject, cardJson, cardMarkdown, cardText } from "../report/card.ts";
import { type Context, EXIT, experimentOf } from "./context.ts";
import type { CaseName, DriverInfo } from "./jobs.ts";
import { brief } from "./options.ts";
import { formatOf, writeResult } from "./output.ts";
import { checkRows } from "./rows.ts";
import { hint } from "./suggest.ts";
import type { Target } from "./target.ts";

/** `target`: a file that exports a driver, and maybe one of its variants. */
export async function checkDriver(c: Context, target: Target, name: CaseName): Promise<number> {
  const file = target.kind === "file" ? target.path : target.id;
  const { driver } = await c.session.call("open", name);
  if (driver === undefined) throw mayfailError("MF0120", { file: brief(file) });
  const chosen = target.variant === null ? driver : [variantOf(driver, target.variant, file)];
  const rows = chosen.flatMap((v) => BATTERY.map((entry) => ({ name, variant: rowName(v.name, entry.name) })));
  const outcomes = await checkRows(c, rows, experimentOf(c.options));
  const cards = chosen.map((v, i) => {
    const own = outcomes.slice(i * BATTERY.length, (i + 1) * BATTERY.length);
    const card = cardOf(own.flatMap((o, n) => (o === null ? [] : [resultOf(BATTERY[n]?.name ?? "", o, o.run)])));
    const subject: CardSubject = { file, variant: v.name, about: v.about, breaks: v.breaks };
    return { card, subject };
  });
  print(c, cards);
  if (c.interrupted()) return EXIT.interrupted;
  return exitCode(cards.map(({ card }) => card));
}

function variantOf(all: readonly DriverInfo[], name: string, file: string): DriverInfo {
  const found = all.find((v) => v.name === name);
  if (found) return found;
  const names = all.map((v) => v.name);
  throw mayfailError("MF0106", {
    name: file,
    variant: brief(name),
    hint: hint(name, names),
    variants: names.join(", "),
  });
}

function print(c: Context, cards: readonly { readonly card: Card; readonly subject: CardSubject }[]): void {
  if (c.options.json) {
    writeResult(c, cards.map(({ card, subject }) => `${JSON.stringify(cardJson(card, subject))}\n`).join(""));
    return;
  }
  const md = formatOf(c) === "md";
  const style = formatOf(c) === "mail" ? { ...c.style, unicode: false, color: false, width: 72 } : c.style;
  const texts = cards.map(({ card, subject }) => (md ? cardMarkdown(card, subject) : cardText(card, subject, style)));
  writeResult(c, `${texts.map((lines) => lines.join("\n")).join("\n\n")}\n`);
}

function exitCode(cards: readonly Card[]): number {
  if (cards.some((card) => card.entries.some((e) => e.verdict !== "ok"))) return EXIT.broken;
  return cards.some((card) => card.entries.some((e) => !e.complete)) ? EXIT.notDecided : EXIT.ok;
}
