/** Source lines around the places of a run: from the files themselves, or from the source maps of the published package. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Excerpts, placesOf } from "../report/html/data.ts";
import type { Outcome } from "../report/outcome.ts";

const AROUND = 4;

/** A file that cannot be read has no lines: the page then shows the one that the run has brought along. */
export function excerptsOf(outcomes: readonly Outcome[]): Excerpts {
  const wanted = new Map<string, Set<number>>();
  for (const { run } of outcomes) {
    for (const { file, line } of run === null ? [] : placesOf(run)) {
      const lines = wanted.get(file) ?? new Set<number>();
      wanted.set(file, lines);
      for (let n = Math.max(1, line - AROUND); n <= line + AROUND; n++) lines.add(n);
    }
  }
  const files = [...wanted].map(([file, numbers]) => {
    const text = linesOf(file);
    const known = [...numbers].flatMap((n) => (text[n - 1] === undefined ? [] : [[n, text[n - 1]] as const]));
    return [file, Object.fromEntries(known)] as const;
  });
  return Object.fromEntries(files);
}

function linesOf(file: string): readonly string[] {
  for (const read of [() => readFileSync(file, "utf8"), () => ofOurs(file)]) {
    try {
      return read().split("\n");
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
