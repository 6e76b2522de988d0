/** The only door to Babel: parser, printer and the table of child keys. Everything else of the compiler is our own. */
import { generate as printNode } from "@babel/generator";
import { parse as parseText } from "@babel/parser";
import { type File, VISITOR_KEYS } from "@babel/types";

export type * from "@babel/types";

/** Which keys of a node hold child nodes, in source order. */
export const childKeys: Readonly<Record<string, readonly string[]>> = VISITOR_KEYS;

/** Parses one ES module of TypeScript. Raises Babel's SyntaxError, which has `loc` (line from 1, column from 0). */
export function parse(source: string): File {
  return parseText(source, { sourceType: "module", plugins: ["typescript"], attachComment: false });
}

export interface Printed {
  readonly code: string;
  readonly map: SourceMap;
}

/** A version 3 source map. */
export interface SourceMap {
  readonly version: number;
  readonly sources: string[];
  readonly names: string[];
  readonly mappings: string;
  readonly sourcesContent?: string[] | undefined;
  readonly file?: string | undefined;
}

/** Prints the module; nodes that kept their `loc` are mapped to `source`. */
export function print(file: File, filename: string, source: string): Printed {
  const { code, map } = printNode(file, { sourceMaps: true, sourceFileName: filename, comments: false }, source);
  if (map === null) throw new Error("the printer made no source map");
  return { code, map };
}
