/** Words as HTML. Nothing of what a user's file names its tasks, locks and files is ever markup or script. */
import { clean } from "../width.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** `text` between tags and in quoted attributes. */
export function esc(text: string): string {
  return clean(text, { unicode: true }).replace(/[&<>"']/g, (c) => ENTITIES[c] as string);
}

/** Data for a script to read, as the content of a script element: no text in it can end that element or begin a comment. */
export function jsonForScript(value: unknown): string {
  return JSON.stringify(value, (_, v) => (typeof v === "string" ? clean(v, { unicode: true }) : v))
    .replace(/</g, "\\u003c")
    .replace(/>/g, "\\u003e")
    .replace(/&/g, "\\u0026");
}
