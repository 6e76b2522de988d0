/** Where a result goes, and in which form: `--format`, `--output`. */
import { writeFileSync } from "node:fs";
import { mayfailError } from "../errors.ts";
import type { Context } from "./context.ts";
import { brief } from "./options.ts";
import { reasonOf } from "./target.ts";

export type Format = "text" | "mail" | "md" | "html";

const BY_ENDING: Readonly<Record<string, Format>> = { ".html": "html", ".htm": "html", ".md": "md", ".markdown": "md" };

/** What --format says; else what the name of the output says; else text. */
export function formatOf({ options: { format, output = "" } }: Pick<Context, "options">): Format {
  return format ?? BY_ENDING[/\.[a-z]+$/i.exec(output)?.[0].toLowerCase() ?? ""] ?? "text";
}

/** To the file of --output, else to stdout. False when nobody reads any more. Raises MF0119 when the file cannot be written. */
export function writeResult(c: Context, text: string): boolean {
  const { output } = c.options;
  if (output === undefined) return c.io.out(text);
  try {
    writeFileSync(output, text);
  } catch (e) {
    throw mayfailError("MF0119", { file: brief(output), reason: reasonOf(e) });
  }
  return true;
}
