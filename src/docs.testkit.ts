/**
 * What the documents have that can be executed:
 *
 *   ```console                          every `$ COMMAND` is run, and prints what stands below it on stdout;
 *   $ mayfail check CASE                `…` stands for any text within a line, a line `…` for any lines,
 *   deadlock: …                         and a last line `[exit 1]` for the exit code (without it: 0)
 *   [exit 1]
 *   ```
 *
 *   ```diff                             in the tutorial: what its reader changes, and that
 *   --- foo.ts                          the lines are there, once
 *    kept
 *   -before
 *   +after
 *   ```
 *
 *   ```json                             in the tutorial: a file that its reader writes
 *   // tsconfig.json
 *   {}
 *   ```
 */

export interface Run {
  readonly command: string;
  readonly expected: string;
  readonly exitCode: number;
}

export type Step =
  | ({ readonly kind: "run" } & Run)
  | { readonly kind: "edit"; readonly file: string; readonly before: string; readonly after: string }
  | { readonly kind: "write"; readonly file: string; readonly text: string };

/** In the order of the document. */
export function stepsOf(text: string): Step[] {
  const blocks = [...text.matchAll(/^```(console|diff|json)\n([\s\S]*?)^```$/gm)];
  return blocks.flatMap(([, language, block = ""]): Step[] => {
    if (language === "console") return runsOf(block).map((run) => ({ kind: "run", ...run }));
    return language === "diff" ? editOf(block) : fileOf(block);
  });
}

export function examplesOf(text: string): Run[] {
  const blocks = [...text.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "");
  return blocks.flatMap(runsOf);
}

function runsOf(block: string): Run[] {
  return [...block.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command = "", output = ""]) => {
    const exit = /^\[exit (\d+)\]\n$/m.exec(output);
    return { command, expected: output.slice(0, exit?.index).trimEnd(), exitCode: Number(exit?.[1] ?? 0) };
  });
}

function editOf(block: string): Step[] {
  const [head = "", ...lines] = block.trimEnd().split("\n");
  const side = (sign: string) =>
    lines
      .filter((line) => line === "" || line.startsWith(" ") || line.startsWith(sign))
      .map((line) => `${line.slice(1)}\n`)
      .join("");
  return [{ kind: "edit", file: head.replace(/^--- /, ""), before: side("-"), after: side("+") }];
}

function fileOf(block: string): Step[] {
  const [, file, text] = /^\/\/ (\S+)\n([\s\S]*)$/.exec(block) ?? [];
  return file === undefined || text === undefined ? [] : [{ kind: "write", file, text }];
}

export function patternOf(expected: string): RegExp {
  const lines = expected.split("\n").map((line) => {
    if (line.trim() === "…") return "(?:.*\n)*?";
    return `${line
      .split("…")
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*")}\n`;
  });
  return new RegExp(`^${lines.join("")}$`);
}

/** Output as the documents write it: no blanks at the ends of lines, one line end at the end. */
export const printed = (stdout: string): string => `${stdout.replace(/[ \t]+$/gm, "").trimEnd()}\n`;
