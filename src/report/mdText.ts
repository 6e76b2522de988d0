/**
 * Words as Markdown (GitHub's and GitLab's): whatever a user's file names its tasks, locks and files, the page shows that
 * name and nothing else: no markup, no HTML, no links, nobody is mentioned.
 */
import { clean } from "./width.ts";

const UNICODE = { unicode: true } as const;

/** `text` in running text or in a table. */
export function escapeMd(text: string): string {
  return clean(text, UNICODE)
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/[\\`*_{}[\]()#+!|~$]/g, "\\$&")
    .replace(/^(\s*)([-=:]|\d+[.)])/, (_, space: string, mark: string) => `${space}${mark.replace(/[-=:.)]/g, "\\$&")}`)
    .replace(/@/g, "&#64;")
    .replace(/:\/\//g, "&#58;//")
    .replace(/\bwww\./gi, (www) => `${www.slice(0, -1)}&#46;`);
}

/** `text` as code in running text or, with `inTable`, in a table, where a bar would end the cell. */
export function code(text: string, inTable = true): string {
  const inner = clean(text, UNICODE).trim();
  if (inner === "") return "";
  // A backslash before a bar would take the bar's own one away, and in a code span nothing can be done about it.
  if (inTable && /\\\|/.test(inner)) return `<code>${entities(inner)}</code>`;
  const fence = "`".repeat(longestRun(inner) + 1);
  const padding = inner.startsWith("`") || inner.endsWith("`") ? " " : "";
  const body = inTable ? inner.replace(/\|/g, "\\|") : inner;
  return `${fence}${padding}${body}${padding}${fence}`;
}

function entities(text: string): string {
  return text.replace(/[^\w ]/gu, (c) => `&#${c.codePointAt(0)};`);
}

/** Lines as a block of code. */
export function codeBlock(lines: readonly string[], language = "text"): string[] {
  const fence = "`".repeat(Math.max(3, longestRun(lines.join("\n")) + 1));
  return [`${fence}${language}`, ...lines, fence];
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}

/** Rows of cells that are Markdown already. */
export function mdTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`.replace(/ {2,}/g, " ");
  return [line(header), line(header.map((_, i) => (right.includes(i) ? "--:" : "---"))), ...rows.map(line)];
}
