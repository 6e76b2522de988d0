import { expect, test } from "vitest";
import { errorTable, MayfailError, mayfailError } from "./errors.ts";

const ranges = [
  ["MF01", "Command line and files"],
  ["MF02", "Machine: set-up and misuse"],
  ["MF03", "Compiler"],
  ["MF04", "Search and schedules"],
  ["MF05", "Memory management"],
] as const;
const rows = Object.entries(errorTable);

test("a row becomes an error with its sentences filled in", () => {
  const error = mayfailError("MF0306", { task: "getPages" }, { file: "a.ts", line: 3, column: 7 });
  expect(error).toBeInstanceOf(MayfailError);
  expect(error.message).toBe("MF0306: a.ts:3:7: The task function getPages uses `arguments`. Name its parameters.");
  expect([error.code, error.remedy, error.where?.line]).toEqual(["MF0306", "Name its parameters.", 3]);
});

test("a parameter is put in as it is, even when it looks like a pattern", () => {
  expect(mayfailError("MF0101", { command: "$& {command} $1", hint: "" }).sentence).toBe(
    'There is no command "$& {command} $1".',
  );
});

test("the table is sorted, and every code belongs to a range", () => {
  const codes = rows.map(([code]) => code);
  expect(codes).toEqual([...new Set(codes)].sort());
  const known = new RegExp(`^(${ranges.map(([prefix]) => prefix).join("|")})\\d\\d$`);
  for (const code of codes) expect(code).toMatch(known);
});

test("each row says what is wrong in one sentence and what to do in another", () => {
  for (const [code, { says, remedy }] of rows) {
    for (const text of [says, remedy]) {
      expect(text, code).toMatch(/^[A-Z{].*[.]$/);
      expect(text, `${code}: one sentence`).not.toMatch(/[.!?] [A-Z]/);
    }
  }
});

test("docs/errors.md is the table (npm run docs writes it)", async () => {
  await expect(errorsPage()).toMatchFileSnapshot("../docs/errors.md");
});

function errorsPage(): string {
  const sections = ranges.map(([prefix, title]) => {
    const entries = rows
      .filter(([code]) => code.startsWith(prefix))
      .map(([code, { says, remedy }]) => `### ${code}\n\n${says}\n\n*What to do:* ${remedy}\n`);
    return `## ${prefix}xx: ${title}\n\n${entries.join("\n")}`;
  });
  return `# Errors

Every error has a number, says what is wrong in one sentence and what to do in another. Words in braces are filled in.
This page is written by \`npm run docs\` from \`src/errors.ts\`.

${sections.join("\n")}`;
}
