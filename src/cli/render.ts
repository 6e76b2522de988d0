/** Outcomes in the form that was asked for: `--json`, `--format`. */
import { createHash } from "node:crypto";
import { htmlReport } from "../report/html/page.ts";
import { checkJson } from "../report/json.ts";
import { mailReport } from "../report/mail.ts";
import { mdReport } from "../report/md.ts";
import type { Outcome } from "../report/outcome.ts";
import type { LaneOptions } from "../report/rows.ts";
import { textReport } from "../report/text.ts";
import type { Context } from "./context.ts";
import { excerptsOf } from "./excerpts.ts";
import { formatOf } from "./output.ts";

/** One report of several; `nth` counts from 1 and decides what stands between them. Not for HTML, which is one page for all. */
export function reportOf(c: Context, outcome: Outcome, nth: number, lanes: LaneOptions): string {
  if (c.options.json) return `${JSON.stringify(checkJson(outcome))}\n`;
  const format = formatOf(c);
  if (format === "mail") return `${nth > 1 ? "\n-- \n\n" : ""}${mailReport(outcome, c.version, lanes)}`;
  if (format === "md") return `${nth > 1 ? "\n---\n\n" : ""}${mdReport(outcome, c.version, lanes)}`;
  const rule = nth > 1 ? `\n${(c.style.unicode ? "─" : "-").repeat(Math.min(c.style.width, 72))}\n\n` : "";
  return rule + textReport(outcome, c.style, lanes);
}

export function pageOf(c: Context, outcomes: readonly Outcome[]): string {
  return htmlReport(outcomes, {
    version: c.version,
    excerpts: excerptsOf(outcomes),
    sha256,
  });
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}

/** JSON goes line by line, and text as soon as it is known; a page is written when all of it is known. */
export function isPage(c: Context): boolean {
  return c.options.json !== true && formatOf(c) === "html";
}
