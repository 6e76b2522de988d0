/** What a command is about: a case of the atlas or a file of the user, and maybe one of its variants. */
import { type Stats, statSync } from "node:fs";
import { mayfailError } from "../errors.ts";
import { brief, usage } from "./options.ts";

export type Target =
  | { readonly kind: "atlas"; readonly id: string; readonly variant: string | null }
  | { readonly kind: "file"; readonly path: string; readonly variant: string | null };

const EXTENSION = /\.[mc]?[tj]sx?$/i;
/** A file of task code that is larger was not written by hand. */
const MAX_BYTES = 8 << 20;

/**
 * `CASE`, `CASE:VARIANT`, `FILE.ts` or `FILE.ts:VARIANT`. What has a path separator or ends like a source file is a file.
 * Raises MF0102 for an empty word and MF0104 for a file that is none, does not exist, or is no source.
 */
export function parseTarget(word: string, command: string): Target {
  if (word.trim() === "") throw usage("The name of a case or of a file is empty", command);
  const colon = word.lastIndexOf(":");
  const whole = colon < 0 || isFile(word);
  const name = whole ? word : word.slice(0, colon);
  const variant = whole ? null : word.slice(colon + 1);
  if (variant === "") throw usage(`The name of the variant after "${brief(name)}:" is empty`, command);
  if (name === "") throw usage(`The name of the case before "${brief(word)}" is empty`, command);
  if (!looksLikeFile(name)) return { kind: "atlas", id: name, variant };
  checkFile(name);
  return { kind: "file", path: name, variant };
}

function looksLikeFile(name: string): boolean {
  return EXTENSION.test(name) || /[/\\]/.test(name) || name === "." || name === "..";
}

function isFile(path: string): boolean {
  return statOf(path)?.isFile() === true;
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch {
    return null;
  }
}

function checkFile(path: string): void {
  const refuse = (reason: string) => mayfailError("MF0104", { file: brief(path), reason });
  if (path.includes("\0")) throw refuse("its name contains a zero byte");
  let stat: Stats | undefined;
  try {
    stat = statSync(path, { throwIfNoEntry: false });
  } catch (e) {
    throw refuse(reasonOf(e));
  }
  if (stat === undefined) throw refuse("it does not exist");
  if (stat.isDirectory()) throw refuse("it is a directory");
  if (!stat.isFile()) throw refuse("it is not a regular file");
  if (!EXTENSION.test(path)) throw refuse("its name does not end in .ts, .mts, .js or .mjs");
  if (stat.size > MAX_BYTES) throw refuse(`it is larger than ${MAX_BYTES >> 20} MiB`);
}

/** What the operating system said, without the path and the name of the system call. */
export function reasonOf(e: unknown): string {
  const code = (e as NodeJS.ErrnoException).code ?? "";
  const known: Record<string, string> = {
    EACCES: "permission denied",
    ENOENT: "it does not exist",
    ENOTDIR: "a part of the path is not a directory",
    ENAMETOOLONG: "its name is too long",
    ELOOP: "too many symbolic links",
    EISDIR: "it is a directory",
  };
  return known[code] ?? (code === "" ? brief(e instanceof Error ? e.message : String(e)) : code);
}
