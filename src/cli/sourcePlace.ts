/** From a place in code that runs to the place in the author's file, by the source map of the script. */
import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { isAbsolute, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { SourcePlace } from "../errors.ts";

export interface Script {
  readonly url: string;
  /** As the script names it: a file beside it, or a data URL. Empty when there is none. */
  readonly sourceMapURL: string;
}

/** `path` as seen from the current folder, where that is shorter to read. */
export function shortPath(path: string): string {
  if (!isAbsolute(path)) return path;
  const short = relative(process.cwd(), path);
  return short.startsWith("..") || short === "" ? path : short;
}

/** `line` and `column` count from 0. Without a usable map the place in the script itself is better than none. */
export function originalPlace(script: Script, line: number, column: number): SourcePlace {
  try {
    const entry = new SourceMap(mapOf(script)).findEntry(line, column);
    if ("originalSource" in entry) {
      const file = pathOf(entry.originalSource, script.url);
      return { file, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
    }
  } catch {
    // Fall through.
  }
  return { file: pathOf(script.url, script.url), line: line + 1, column: column + 1 };
}

function pathOf(source: string, scriptUrl: string): string {
  try {
    const url = new URL(source, scriptUrl);
    return url.protocol === "file:" ? shortPath(fileURLToPath(new URL(url.pathname, "file:"))) : source.slice(0, 100);
  } catch {
    return source.slice(0, 100);
  }
}

function mapOf({ url, sourceMapURL }: Script): SourceMapPayload {
  const inline = /^data:application\/json[^,]*?(;base64)?,(.*)$/s.exec(sourceMapURL);
  const text = inline
    ? Buffer.from(decodeURIComponent(inline[2] ?? ""), inline[1] === undefined ? "utf8" : "base64").toString()
    : readFileSync(new URL(sourceMapURL, url), "utf8");
  return JSON.parse(text) as SourceMapPayload;
}
