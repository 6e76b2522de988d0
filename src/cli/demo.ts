/** `mayfail demo`: the argument of June 2020 as a table (which hazard, under which rules), then one deadlock in full. */
import type { AtlasCell, AtlasRow } from "../report/json.ts";
import { mailReport } from "../report/mail.ts";
import { type Cell, table } from "../report/table.ts";
import { textReport } from "../report/text.ts";
import { wrap } from "../report/width.ts";
import { checkAll, verdictCell } from "./atlas.ts";
import { boundsOf, type Context, EXIT } from "./context.ts";
import type { CaseInfo } from "./jobs.ts";
import { usage } from "./options.ts";
import { Interrupted } from "./session.ts";

/** The cases of the table begin with this; each is a hazard of its own. */
const FAMILY = "gup-reclaim-recursive-wait";

const STORY = `June 2020, linux-mm: a driver pins page n of an object, the allocation for it enters reclaim, and reclaim unmaps
page n-1 of the same object. A flag was proposed by which a driver could refuse, and it was refused itself. Here is the
argument, run instead of argued: each hazard under each of the rules that were proposed, all interleavings explored.`;

export async function demo(c: Context, words: readonly string[]): Promise<number> {
  if (words.length > 0) throw usage("demo takes no further words", "demo");
  const all = await c.session.call("cases");
  const family = all.filter((info) => info.id.startsWith(FAMILY));
  const cases = family.length > 0 ? family : all;
  const width = c.options.format === "mail" ? 72 : c.style.width;
  c.io.out(`${wrap(STORY.replaceAll("\n", " "), Math.min(width, 100)).join("\n")}\n\n`);
  const rows = await checkAll(c, cases);
  if (!c.io.out(`${hazardTable(c, cases, rows).join("\n")}\n`)) return EXIT.ok;
  if (c.interrupted()) return EXIT.interrupted;
  return counterexample(c, rows);
}

/** One line for each variant, one column for each hazard. */
function hazardTable(c: Context, cases: readonly CaseInfo[], rows: readonly AtlasRow[]): string[] {
  const variants = [...new Set(cases.flatMap((info) => info.variants.map((v) => v.name)))];
  const body = variants.map((variant) => [
    variant,
    ...cases.map((info) => cellOf(rows.find((r) => r.id === info.id)?.variants.find((v) => v.name === variant))),
    cases.flatMap((info) => info.variants).find((v) => v.name === variant)?.about ?? "",
  ]);
  const mail = c.options.format === "mail";
  const style = mail ? { width: 72, unicode: false, color: false } : c.style;
  return [
    ...table(["", ...cases.map((info) => shortName(info.id)), ""], body, style),
    "",
    ...cases.flatMap((info) => wrap(`${shortName(info.id)}: ${info.title}`, style.width, "  ")),
  ];
}

function cellOf(cell: AtlasCell | undefined): Cell {
  if (cell === undefined) return { text: "-" };
  const shown = verdictCell(cell);
  return cell.expected === cell.verdict ? shown : { ...shown, text: `${shown.text} (not as expected)` };
}

function shortName(id: string): string {
  return id.startsWith(`${FAMILY}-`) ? id.slice(FAMILY.length + 1) : id;
}

/** The first deadlock of the table, in full. */
async function counterexample(c: Context, rows: readonly AtlasRow[]): Promise<number> {
  for (const row of rows) {
    const found = row.variants.find((v) => v.verdict === "deadlock") ?? row.variants.find((v) => v.verdict !== "ok");
    if (found === undefined) continue;
    try {
      const outcome = await c.session.call("check", { kind: "atlas", id: row.id }, found.name, boundsOf(c.options));
      const report = c.options.format === "mail" ? mailReport(outcome, c.version) : textReport(outcome, c.style);
      c.io.out(`\nOne of them in full:\n\n${report}\nMore: mayfail atlas; mayfail check ${row.id}; mayfail --help\n`);
    } catch (e) {
      if (e instanceof Interrupted) return EXIT.interrupted;
      throw e;
    }
    break;
  }
  return rows.flatMap((r) => r.variants).every((v) => v.expected === v.verdict) ? EXIT.ok : EXIT.broken;
}
