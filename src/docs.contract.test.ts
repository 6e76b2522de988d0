/** The pages of docs/contract: one for each rule; their heads and the index are made from the tables (npm run docs writes them). */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { filesBelow, root } from "../scripts/project.mjs";
import { ATLAS } from "./atlas/index.ts";
import { ATTRIBUTION } from "./contract/attribute.ts";
import { BATTERY } from "./contract/battery/index.ts";
import { CONTRACT, type ContractRule, type RuleId, rulePage } from "./contract/rules.ts";

const BEGIN = "<!-- head: written by npm run docs -->\n";
const END = "<!-- /head -->\n";
const SECTIONS = ["Why", "Where it comes from", "Wrong", "Right", "How it shows"];
const INDEX = "docs/contract/README.md";

const textOf = (page: string) => readFileSync(join(root, page), "utf8");
const titleOf = ({ id, name }: ContractRule) => `${id}: ${name.replaceAll("-", " ")}`;
const entriesOf = (id: RuleId) => BATTERY.filter(({ tries }) => tries.includes(id)).map(({ name }) => name);
const listed = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(", ");

function headOf(rule: (typeof CONTRACT)[number]): string {
  const verdicts = ATTRIBUTION.filter((row) => row.rule === rule.id);
  const [cases, entries] = [listed(rule.cases), listed(entriesOf(rule.id))];
  return [
    `**${rule.rule}**\n`,
    "| | |",
    "|---|---|",
    `| broken in the atlas by | ${cases === "" ? "nothing so far" : cases} |`,
    `| tried by | ${entries === "" ? "nothing so far" : entries} |`,
    ...verdicts.map(({ verdict, because }) => `| seen as | [${verdict}](../verdicts.md#${verdict}): ${because} |`),
    "",
  ].join("\n");
}

function between(text: string, inserted: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  expect(from).toBeGreaterThanOrEqual(0);
  expect(to).toBeGreaterThan(from);
  return `${text.slice(0, from + BEGIN.length)}\n${inserted}\n${text.slice(to)}`;
}

for (const rule of CONTRACT) {
  test(`the page of ${rule.id}: its head is the table, and its sections are all there`, async () => {
    const page = rulePage(rule.id);
    expect(existsSync(join(root, page)), page).toBe(true);
    const text = textOf(page);
    expect(text.split("\n")[0]).toBe(`# ${titleOf(rule)}`);
    expect([...text.matchAll(/^## (.*)$/gm)].map((match) => match[1])).toEqual(SECTIONS);
    expect(text.match(/^```ts$/gm)).toHaveLength(2);
    await expect(between(text, headOf(rule))).toMatchFileSnapshot(`../${page}`);
  });
}

test("the index is the table", async () => {
  const rows = CONTRACT.map((rule) => `| [${titleOf(rule)}](${basename(rulePage(rule.id))}) | ${rule.rule} |`);
  const inserted = ["| rule | |", "|---|---|", ...rows, ""].join("\n");
  await expect(between(textOf(INDEX), inserted)).toMatchFileSnapshot(`../${INDEX}`);
});

test("no page without a rule", () => {
  const pages = CONTRACT.map(({ id }) => rulePage(id));
  const known = [...pages, INDEX, "docs/contract/mutants.md"];
  expect(filesBelow("docs/contract").filter((path) => !known.includes(path))).toEqual([]);
});

test("cases and entries that pages name exist", () => {
  const cases = new Set<string>(ATLAS.map(({ id }) => id));
  const entries = new Set<string>(BATTERY.map(({ name }) => name));
  expect(CONTRACT.flatMap((rule) => rule.cases.filter((id) => !cases.has(id)))).toEqual([]);
  for (const { id } of CONTRACT) {
    const [, shows = ""] = textOf(rulePage(id)).split("## How it shows");
    const named = [...shows.matchAll(/\bin((?:[ ,]|or|and|entry|the|relatives)*`[a-z-]+`)+/g)].flatMap((match) =>
      [...match[0].matchAll(/`([a-z-]+)`/g)].map((name) => name[1] ?? ""),
    );
    expect(
      named.filter((name) => !entries.has(name)),
      id,
    ).toEqual([]);
  }
});
