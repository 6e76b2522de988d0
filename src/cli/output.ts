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

/** To stdout as it comes, or to the file of --output at the end. */
export class Output {
  private readonly c: Context;
  private text = "";

  constructor(c: Context) {
    this.c = c;
  }

  /** False when nobody reads any more. */
  write(text: string): boolean {
    if (this.c.options.output === undefined) return this.c.io.out(text);
    this.text += text;
    return true;
  }

  /** Raises MF0119 when the file cannot be written. */
  end(): void {
    const { output } = this.c.options;
    if (output === undefined) return;
    try {
      writeFileSync(output, this.text);
    } catch (e) {
      throw mayfailError("MF0119", { file: brief(output), reason: reasonOf(e) });
    }
  }
}

export function writeResult(c: Context, text: string): void {
  const out = new Output(c);
  out.write(text);
  out.end();
}
