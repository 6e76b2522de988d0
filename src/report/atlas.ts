/** The atlas as a table: for a terminal, for a page, for programs, and what another experiment changes in it. */
import type { Verdict } from "../machine/finding.ts";
import type { LockdepSummary } from "../search/lockdepCheck.ts";
import { lockdepCell } from "./lockdep.ts";
import { code, escapeMd, mdTable } from "./mdText.ts";
import { paintOf } from "./sentence.ts";
import { paint, type Style } from "./style.ts";
import { type Cell, table } from "./table.ts";
import { clean, count, grouped } from "./width.ts";

/** One case of the atlas with what each variant came to. */
export interface AtlasRow {
  readonly id: string;
  readonly title: string;
  readonly class: string;
  readonly variants: readonly AtlasCell[];
}

export interface AtlasCell {
  readonly name: string;
  readonly about: string;
  readonly expected: Verdict | null;
  readonly verdict: Verdict;
  readonly complete: boolean;
  readonly states: number;
  readonly seconds: number;
  readonly lockdep: LockdepSummary | null;
}

/** Is the verdict the one that the case's author stands for? "ok" counts only when everything was explored. */
export function asExpected(c: Pick<AtlasCell, "expected" | "verdict" | "complete">): boolean {
  return c.verdict === c.expected && (c.complete || c.verdict !== "ok");
}

type Judged = Pick<AtlasCell, "verdict" | "complete">;

export function verdictCell(c: Judged): Cell {
  return { text: verdictWord(c), paint: paintOf(c) };
}

const verdictWord = (c: Judged): string => (c.verdict === "ok" && !c.complete ? "not decided" : c.verdict);

/** A line for each case, and below it one for each of its variants. */
export function atlasTable(rows: readonly AtlasRow[], style: Style): string[] {
  const body = rows.flatMap((row) =>
    row.variants.map((v) => [
      v.name,
      verdictCell(v),
      grouped(v.states),
      v.seconds.toFixed(2),
      lockdepCell(v.lockdep),
      asExpected(v) ? "as expected" : { text: `expected: ${v.expected ?? "nothing stated"}`, paint: "bad" as const },
    ]),
  );
  const header = ["variant", "verdict", "states", "seconds", "lockdep", ""];
  return underCases(rows, table(header, body, style, { right: [2, 3], indent: "  " }), style);
}

/** The lines of a table of variants, with a line above the variants of each case. */
function underCases(
  cases: readonly Pick<AtlasRow, "id" | "class" | "variants">[],
  [header = "", ...lines]: readonly string[],
  style: Style,
): string[] {
  let next = 0;
  return [
    header,
    ...cases.flatMap(({ id, class: kind, variants }) => {
      const from = next;
      next += variants.length;
      return [
        paint(style, "bold", clean(`${id}${kind === "" ? "" : ` (${kind})`}`, style)),
        ...lines.slice(from, next),
      ];
    }),
  ];
}

/** More variants of one verdict than this are counted. */
const MANY = 4;

/** A line for each case, without what is different each time. */
export function atlasMarkdown(rows: readonly AtlasRow[]): string[] {
  return mdTable(
    ["case", "class", "verdicts", "lockdep"],
    rows.map((row) => [
      `${code(row.id)} ${escapeMd(row.title)}`,
      escapeMd(row.class),
      verdicts(row),
      lockdepOfCase(row),
    ]),
  );
}

function verdicts({ variants }: AtlasRow): string {
  const words = [...new Set(variants.map(verdictWord))];
  return words
    .map((word) => {
      const names = variants.filter((v) => verdictWord(v) === word).map((v) => code(v.name));
      const more = names.length > MANY ? ` and ${names.length - MANY + 1} more` : "";
      return `**${word}** ${names.slice(0, more === "" ? MANY : MANY - 1).join(", ")}${more}`;
    })
    .join("; ");
}

/** Of the variants that break a rule, whether lockdep sees it; of all, whether it cries wolf. */
function lockdepOfCase({ variants }: AtlasRow): string {
  const of = (sees: string) => variants.filter((v) => v.lockdep?.sees === sees);
  const [seen, unseen] = [of("yes"), of("no")];
  const parts = [
    seen.length > 0 && unseen.length > 0
      ? `sees ${seen.length} of ${seen.length + unseen.length}`
      : seen.length > 0
        ? "sees it"
        : unseen.length > 0
          ? "blind"
          : "",
    of("undecided").length > 0 ? "undecided" : "",
    variants.some((v) => (v.lockdep?.falseAlarms ?? 0) > 0) ? "false alarm" : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** What an experiment changed: the rows whose verdict is not the recorded one, and how many went which way. */
export function changesTable(rows: readonly AtlasRow[], style: Style): string[] {
  const changed = rows
    .map((row) => ({ ...row, variants: row.variants.filter((v) => !asExpected(v)) }))
    .filter((row) => row.variants.length > 0);
  if (changed.length === 0) return [changesSentence(rows)];
  const body = changed.flatMap((row) =>
    row.variants.map((v) => [v.name, v.expected ?? "nothing", verdictCell(v), v.about]),
  );
  const lines = table(["variant", "recorded", "now", ""], body, { ...style, width: WIDE }, { indent: "  " });
  return [...underCases(changed, lines, style), "", changesSentence(rows)];
}

/** One line for each variant, so that lines can be told apart by case. */
const WIDE = 400;

export function changesMarkdown(rows: readonly AtlasRow[]): string[] {
  const body = changedRows(rows).map(({ id, cell }) => [
    code(id),
    code(cell.name),
    cell.expected ?? "nothing",
    `**${verdictWord(cell)}**`,
    escapeMd(cell.about),
  ]);
  const lines = body.length === 0 ? [] : [...mdTable(["case", "variant", "recorded", "now", ""], body), ""];
  return [...lines, changesSentence(rows)];
}

export function changedRows(rows: readonly AtlasRow[]): { readonly id: string; readonly cell: AtlasCell }[] {
  return rows.flatMap(({ id, variants }) => variants.filter((v) => !asExpected(v)).map((cell) => ({ id, cell })));
}

/** "5 of 69 verdicts change: 3 mended, 1 newly broken, 1 broken in another way." */
function changesSentence(rows: readonly AtlasRow[]): string {
  const total = rows.reduce((n, row) => n + row.variants.length, 0);
  const changed = changedRows(rows);
  const ways = new Map<string, number>();
  for (const { cell } of changed) ways.set(wayOf(cell), (ways.get(wayOf(cell)) ?? 0) + 1);
  const parts = [...ways].sort().map(([way, n]) => `${n} ${way}`);
  const what = `${grouped(changed.length)} of ${count(total, "verdict")} ${changed.length === 1 ? "changes" : "change"}`;
  return `${what}${parts.length > 0 ? `: ${parts.join(", ")}` : ""}.`;
}

function wayOf(c: AtlasCell): string {
  if (c.verdict === "ok") return c.complete ? "mended" : "not decided";
  if (c.expected === "ok") return "newly broken";
  return c.expected === null ? "without a recorded verdict" : "broken in another way";
}
