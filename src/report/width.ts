/**
 * Text in columns: how wide a text is on a terminal, padding, cutting and wrapping to a width. Names come from users'
 * files, so control characters never reach the terminal and wide characters count as two columns.
 */
import type { Style } from "./style.ts";

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
/** East Asian wide and fullwidth blocks, and pictures. */
const WIDE =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
const PLAIN_TEXT = /^[\u0020-\u007e]*$/;

/** `text` without line ends, escape sequences and characters that turn the direction of writing; ASCII if the style is. */
export function clean(text: string, style: Pick<Style, "unicode">): string {
  if (PLAIN_TEXT.test(text)) return text;
  const visible = text.replace(CONTROL, (c) => (c === "\n" || c === "\t" ? " " : "?"));
  return style.unicode ? visible : toAscii(visible);
}

const IN_ASCII: Readonly<Record<string, string>> = {
  "→": "->",
  "←": "<-",
  "↔": "<->",
  "…": "...",
  "–": "-",
  "—": "-",
  "×": "x",
  "≤": "<=",
  "≥": ">=",
  "≠": "!=",
  "‘": "'",
  "’": "'",
  "“": '"',
  "”": '"',
  "·": "*",
  "\u00a0": " ",
};

function toAscii(text: string): string {
  let out = "";
  for (const { segment } of segmenter.segment(text)) {
    if (PLAIN_TEXT.test(segment)) out += segment;
    else out += IN_ASCII[segment] ?? (segment.normalize("NFKD").replace(/[^\u0020-\u007e]/g, "") || "?");
  }
  return out;
}

/** Columns that `text` takes on a terminal. */
export function widthOf(text: string): number {
  if (PLAIN_TEXT.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += widthOfSegment(segment);
  return width;
}

function widthOfSegment(segment: string): number {
  if (/^\p{Mark}+$/u.test(segment)) return 0;
  return WIDE.test(segment) ? 2 : 1;
}

export function padEnd(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

export function padStart(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - widthOf(text))) + text;
}

/** `text` in at most `width` columns; what is cut off is marked. `keep` says which end matters more. */
export function shorten(
  text: string,
  width: number,
  style: Pick<Style, "unicode">,
  keep: "start" | "end" = "start",
): string {
  if (widthOf(text) <= width) return text;
  const mark = style.unicode ? "…" : "..";
  const room = width - widthOf(mark);
  if (room <= 0) return mark.slice(0, Math.max(0, width));
  const segments = Array.from(segmenter.segment(text), (s) => s.segment);
  if (keep === "end") segments.reverse();
  const kept: string[] = [];
  let used = 0;
  for (const segment of segments) {
    const w = widthOfSegment(segment);
    if (used + w > room) break;
    kept.push(segment);
    used += w;
  }
  return keep === "end" ? mark + kept.reverse().join("") : kept.join("") + mark;
}

/**
 * `text` broken at spaces into lines of at most `width` columns, each line after the first indented by `indent`. A word
 * that is longer than a line (a path, a schedule) stays whole on a line of its own.
 */
export function wrap(text: string, width: number, indent = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (word === "") continue;
    if (line !== "" && line.trim() !== "" && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = indent + word;
    } else if (line === "") {
      line = word;
    } else {
      line += ` ${word}`;
    }
  }
  if (line !== "") lines.push(line);
  return lines;
}

/** 1234567 as "1,234,567". */
export function grouped(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** "1 step", "2 steps". */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : many}`;
}
