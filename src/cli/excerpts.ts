/** Source lines around the places of a run: from the files themselves, or from the source maps of the published package. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Excerpts, placesOf } from "../report/html/data.ts";
import type { Outcome } from "../report/outcome.ts";
import type { Place } from "../search/run.ts";

const AROUND = 4;

/** A file that cannot be read has no lines: the page then shows the one that the run has brought along. */
export function excerptsOf(outcomes: readonly Outcome[]): Excerpts {
  const byFile = new Map<string, Place[]>();
  for (const { run } of outcomes) {
    for (const place of run === null ? [] : placesOf(run)) {
      const places = byFile.get(place.file) ?? [];
      byFile.set(place.file, places);
      places.push(place);
    }
  }
  return Object.fromEntries([...byFile].map(([file, places]) => [file, linesAround(linesOf(file, places), places)]));
}

function linesAround(lines: readonly string[], places: readonly Place[]): Readonly<Record<number, string>> {
  const around: Record<number, string> = {};
  for (const { line } of places) {
    for (let n = Math.max(1, line - AROUND); n <= line + AROUND; n++) {
      const text = lines[n - 1];
      if (text !== undefined) around[n] = text;
    }
  }
  return around;
}

/** The user may have a file of the same name as one of ours: the right one has at least one of the places in it. */
function linesOf(file: string, places: readonly Place[]): readonly string[] {
  for (const read of [() => readFileSync(file, "utf8"), () => ofOurs(file)]) {
    try {
      const lines = read().split("\n");
      if (places.some(({ line, text }) => lines[line - 1]?.includes(text) === true)) return lines;
    } catch {
      // The next one.
    }
  }
  return [];
}

/** "src/mm/gup.ts": beside this file when it runs from the sources, else in the source map of its compiled form. */
function ofOurs(file: string): string {
  const ours = /(?:^|\/)src\/([\w/.-]+)\.ts$/.exec(file)?.[1];
  if (ours === undefined || ours.includes("..")) throw new Error("not ours");
  const map = readFileSync(fileURLToPath(new URL(`../${ours}.js.map`, import.meta.url)), "utf8");
  const [text] = (JSON.parse(map) as { readonly sourcesContent?: readonly string[] }).sourcesContent ?? [];
  if (text === undefined) throw new Error("the map has no text");
  return text;
}
