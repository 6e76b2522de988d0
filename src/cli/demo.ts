/** `mayfail demo`: the argument of June 2020 as a table (which hazard, under which rules), then one deadlock in full. */
import { type AtlasCell, verdictCell } from "../report/atlas.ts";
import { mailReport } from "../report/mail.ts";
import { MAIL, type Style } from "../report/style.ts";
import { type Cell, table } from "../report/table.ts";
import { textReport } from "../report/text.ts";
import { wrap } from "../report/width.ts";
import { boundsOf, type Context, EXIT } from "./context.ts";
import { Interrupted } from "./interrupted.ts";
import type { CaseInfo } from "./jobs.ts";
import { usage } from "./options.ts";
import { checkAll } from "./rows.ts";

const CASE = "gup-reclaim-recursive-wait";

const STORY = `June 2020, linux-mm: a driver pins page n of an object, the allocation for it enters reclaim, and reclaim unmaps
page n-1 of the same object. A flag was proposed by which the driver could refuse; it was refused itself. Here is the
argument, run instead of argued: three hazards under every answer that was given, all interleavings explored.`;

/** The hazards by the letter with which their variants begin. */
const HAZARDS: Readonly<Record<string, string>> = {
  a: "the driver allocates under a lock that its own callback takes",
  b: "the callback cancels the work that reclaim interrupted, and userspace asks again",
  c: "the callback waits for a job that cannot go on before the allocation ends",
};

export async function demo(c: Context, words: readonly string[]): Promise<number> {
  if (words.length > 0) throw usage("demo takes no further words", "demo");
  if (c.options.format === "md" || c.options.format === "html") throw usage("demo prints text or a mail", "demo");
  const style = c.options.format === "mail" ? MAIL : c.style;
  const info = await c.session.call("open", { kind: "atlas", id: CASE });
  c.io.out(`${wrap(STORY.replaceAll("\n", " "), Math.min(style.width, 100)).join("\n")}\n\n`);
  const [row] = await checkAll(c, [info]);
  const cells = row?.variants ?? [];
  if (!c.io.out(`${hazardTable(info, cells, style).join("\n")}\n`)) return EXIT.ok;
  if (c.interrupted()) return EXIT.interrupted;
  return counterexample(c, cells);
}

/** One line for each answer, one column for each hazard. Variants are named HAZARD-ANSWER. */
function hazardTable(info: CaseInfo, cells: readonly AtlasCell[], style: Style): string[] {
  const split = info.variants.map((v) => ({ ...v, hazard: v.name.charAt(0), answer: v.name.slice(2) }));
  const hazards = [...new Set(split.map((v) => v.hazard))];
  const answers = [...new Set(split.map((v) => v.answer))];
  const body = answers.map((answer) => [
    answer,
    ...hazards.map((hazard) => cellOf(cells.find((cell) => cell.name === `${hazard}-${answer}`))),
    split.find((v) => v.answer === answer)?.about ?? "",
  ]);
  return [
    ...table(["answer", ...hazards, ""], body, style),
    "",
    ...table(
      [],
      hazards.map((hazard) => [hazard, HAZARDS[hazard] ?? ""]),
      style,
    ),
  ];
}

function cellOf(cell: AtlasCell | undefined): Cell {
  if (cell === undefined) return { text: "-" };
  const shown = verdictCell(cell);
  return cell.expected === cell.verdict ? shown : { ...shown, text: `${shown.text} (expected: ${cell.expected})` };
}

/** The first deadlock of the table, in full. */
async function counterexample(c: Context, cells: readonly AtlasCell[]): Promise<number> {
  const found = cells.find((v) => v.verdict === "deadlock");
  if (found !== undefined) {
    try {
      const outcome = await c.session.call("check", { kind: "atlas", id: CASE }, found.name, boundsOf(c.options), {});
      const report = c.options.format === "mail" ? mailReport(outcome, c.version) : textReport(outcome, c.style);
      c.io.out(`\nOne of them in full:\n\n${report}`);
    } catch (e) {
      if (e instanceof Interrupted) return EXIT.interrupted;
      throw e;
    }
  }
  c.io.out("\nNext: mayfail atlas, mayfail check FILE.ts, mayfail --help\n");
  return cells.every((v) => v.expected === v.verdict) ? EXIT.ok : EXIT.broken;
}
