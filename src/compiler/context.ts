/** What all passes over one file share: its text, its names, and how to complain about a place in it. */
import { type ErrorCode, type ErrorParams, mayfailError, type SourcePlace } from "../errors.ts";
import type { Node } from "./babel.ts";
import type { Names } from "./scope.ts";

export interface FileContext {
  readonly filename: string;
  readonly source: string;
  readonly names: Names;
  readonly runtime: RuntimeNames;
}

/** The names under which the runtime's functions and the step's own variables appear in the output. */
export interface RuntimeNames {
  readonly enter: string;
  readonly hold: string;
  readonly leave: string;
  readonly room: string;
  readonly waiting: string;
  readonly kept: string;
  readonly fell: string;
  readonly define: string;
  readonly encode: string;
  readonly decode: string;
  readonly awaitPoint: string;
  readonly probing: string;
  readonly probe: string;
  readonly rethrow: string;
  readonly list: string;
  /** Parameters of a step: the array, the frame, the label, the value of the last suspension. */
  readonly W: string;
  readonly f: string;
  readonly label: string;
  readonly v: string;
  /** A word on its way out of the array; a caught exception; the label of the dispatch loop. */
  readonly w: string;
  readonly error: string;
  readonly loop: string;
}

/** `base`, or `base` with a number behind it, whichever the file does not contain; it is taken from then on. */
export function freshName(taken: Set<string>, base: string): string {
  let name = base;
  for (let n = 1; taken.has(name); n++) name = `${base}$${n}`;
  taken.add(name);
  return name;
}

export function runtimeNames(taken: Set<string>): RuntimeNames {
  const fresh = (base: string): string => freshName(taken, base);
  return {
    enter: fresh("$enter"),
    hold: fresh("$hold"),
    leave: fresh("$leave"),
    room: fresh("$room"),
    waiting: fresh("$waiting"),
    kept: fresh("$kept"),
    fell: fresh("$fell"),
    define: fresh("$define"),
    encode: fresh("$encode"),
    decode: fresh("$decode"),
    awaitPoint: fresh("$awaitPoint"),
    probing: fresh("$probing"),
    probe: fresh("$probe"),
    rethrow: fresh("$rethrow"),
    list: fresh("$list"),
    W: fresh("$W"),
    f: fresh("$f"),
    label: fresh("$l"),
    v: fresh("$v"),
    w: fresh("$w"),
    error: fresh("$e"),
    loop: fresh("$run"),
  };
}

/** Lines and columns count from 1. */
export function placeOf(filename: string, node: Node): SourcePlace {
  return { file: filename, line: node.loc?.start.line ?? 1, column: (node.loc?.start.column ?? 0) + 1 };
}

export function fail<Code extends ErrorCode>(
  filename: string,
  node: Node,
  code: Code,
  params: ErrorParams<Code>,
): never {
  throw mayfailError(code, params, placeOf(filename, node));
}

/** Source text of a node on one line, at most `limit` characters. */
export function textOf(source: string, node: Node, limit = 80): string {
  if (node.start == null || node.end == null) return "";
  const text = source.slice(node.start, node.end).replace(/\s+/g, " ").trim();
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}
