/** `mayfail check`: explores every interleaving of a case or of a user's file. */
import { code, escapeMd, mdTable } from "../report/mdText.ts";
import type { Outcome } from "../report/outcome.ts";
import { shellWord } from "../report/sections.ts";
import { paintOf } from "../report/sentence.ts";
import { table } from "../report/table.ts";
import { grouped } from "../report/width.ts";
import { boundsOf, type Context, EXIT, exitCodeOf, experimentOf } from "./context.ts";
import { Interrupted } from "./interrupted.ts";
import type { CaseName } from "./jobs.ts";
import { usage } from "./options.ts";
import { formatOf, Output } from "./output.ts";
import { isPage, pageOf, reportOf } from "./render.ts";
import { parseTarget, type Target } from "./target.ts";

/** More variants than this are told in a table only. */
const MANY = 4;

export async function check(c: Context, words: readonly string[]): Promise<number> {
  if (words.length !== 1) {
    throw usage(words.length === 0 ? "check wants a case or a file" : "check wants one case or file", "check");
  }
  const target = parseTarget(words[0] ?? "", "check");
  const name = caseName(target);
  if (c.options.driver) return (await import("./checkDriver.ts")).checkDriver(c, target, name);
  const { variants } = await c.session.call("open", name);
  const chosen = target.variant === null ? variants.map((v) => v.name) : [target.variant];
  const outcomes: Outcome[] = [];
  const lanes = { all: c.options.all, changes: c.options.changes };
  const out = new Output(c);
  let interruption = "interrupted";
  for (const variant of chosen) {
    c.progress.subject = variant;
    const outcome = await checkOne(c, name, variant);
    c.progress.clear();
    if (outcome instanceof Interrupted) {
      interruption = outcome.message;
      break;
    }
    outcomes.push(outcome);
    if (!isPage(c) && (c.options.json || chosen.length <= MANY)) {
      if (!out.write(reportOf(c, outcome, outcomes.length, lanes))) break;
    }
    if (c.interrupted()) break;
  }
  if (isPage(c)) out.write(pageOf(c, outcomes));
  else if (chosen.length > 1 && !c.options.json) out.write(summary(c, words[0] ?? "", outcomes, chosen));
  out.end();
  if (!c.interrupted()) return exitCodeOf(outcomes);
  c.io.err(`mayfail: ${interruption}.\n`);
  return EXIT.interrupted;
}

export function caseName(target: Target): CaseName {
  return target.kind === "atlas" ? { kind: "atlas", id: target.id } : { kind: "file", path: target.path };
}

async function checkOne(c: Context, name: CaseName, variant: string): Promise<Outcome | Interrupted> {
  try {
    return await c.session.call("check", name, variant, boundsOf(c.options), experimentOf(c.options));
  } catch (e) {
    if (e instanceof Interrupted) return e;
    throw e;
  }
}

function summary(c: Context, word: string, outcomes: readonly Outcome[], chosen: readonly string[]): string {
  const format = formatOf(c);
  const style = format === "mail" ? { ...c.style, unicode: false, color: false, width: 72 } : c.style;
  const rows = chosen.map((variant, i) => {
    const o = outcomes[i];
    if (!o) return [variant, { text: "not searched" }, "", ""] as const;
    const verdict = o.verdict === "ok" && !o.complete ? "not decided" : o.verdict;
    const note = o.expected === null || o.expected === o.verdict ? o.about : `expected: ${o.expected}`;
    return [variant, { text: verdict, paint: paintOf(o) }, grouped(o.states), note] as const;
  });
  const header = ["variant", "verdict", "states", ""];
  const lines =
    format === "md"
      ? mdTable(
          header,
          rows.map(([variant, verdict, states, note]) => [
            code(variant),
            `**${verdict.text}**`,
            states,
            escapeMd(note),
          ]),
          [2],
        )
      : table(header, rows, style, { right: [2] });
  if (chosen.length <= MANY) return `\n${lines.join("\n")}\n`;
  const broken = outcomes.find((o) => o.verdict !== "ok") ?? outcomes[0];
  const command = broken === undefined ? "" : `mayfail check ${shellWord(`${word}:${broken.variant}`)}`;
  const more = command === "" ? "" : `\nOne of them in full: ${format === "md" ? code(command, false) : command}\n`;
  return `${lines.join("\n")}\n${more}`;
}
