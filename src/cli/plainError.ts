/** Errors as plain data, to be posted between threads and to become errors again. */
import { type ErrorCode, MayfailError, mayfailError, type SourcePlace } from "../errors.ts";

export interface PlainError {
  readonly code: ErrorCode;
  readonly sentence: string;
  readonly remedy: string;
  readonly where: SourcePlace | undefined;
  readonly stack: string;
}

export function toPlain(e: unknown): PlainError {
  const error = e instanceof MayfailError ? e : internal(e);
  const { code, sentence, remedy, where } = error;
  return { code, sentence, remedy, where, stack: (e instanceof Error && e.stack) || error.message };
}

export function fromPlain(p: PlainError): MayfailError {
  const error = new MayfailError(p.code, p.sentence, p.remedy, p.where);
  error.stack = p.stack;
  return error;
}

/** Whatever is no numbered error is a mistake of ours. */
export function internal(e: unknown): MayfailError {
  if (e instanceof MayfailError) return e;
  const error = mayfailError("MF0109", { reason: firstLine(e) });
  if (e instanceof Error && e.stack) error.stack = e.stack;
  return error;
}

/** Message of an error, one line, without a full stop at its end: it becomes part of a sentence. */
export function firstLine(e: unknown): string {
  let text: string;
  try {
    text = e instanceof Error ? `${e.message || e.name}` : String(e);
  } catch {
    text = "something that cannot be printed was thrown";
  }
  const line = (text.split("\n")[0] ?? "").replace(/[\p{Cc}\p{Cf}]/gu, "?").replace(/[.\s]+$/, "");
  return line.length > 300 ? `${line.slice(0, 297)}...` : line || "no reason was given";
}
