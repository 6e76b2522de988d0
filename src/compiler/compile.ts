/**
 * The task compiler: generator functions of one module become step functions whose locals live in the machine's array.
 *
 *   source ─parse─▶ tree ─strip─▶ JavaScript ─check─▶ ─task by task: blocks ▶ liveness ▶ step─▶ ─print─▶ code + map
 */
import { mayfailError, type SourcePlace } from "../errors.ts";
import { walk } from "./ast.ts";
import { type File, parse, print, type SourceMap } from "./babel.ts";
import { checkFile, findTasks } from "./check.ts";
import { type FileContext, fail, freshName, placeOf, runtimeNames } from "./context.ts";
import { dropTypeImports, exportedNames, importedNames, importRuntime, rewriteImports } from "./modules.ts";
import { passMachineErrors } from "./native.ts";
import { resolveNames } from "./scope.ts";
import { stripTypes } from "./strip.ts";
import type { TaskMeta } from "./task.ts";
import { replaceTasks } from "./transform.ts";

export type { SourceMap } from "./babel.ts";
export type { SourcePoint, TaskMeta } from "./task.ts";

export interface CompileOptions {
  /** As it shall appear in errors, points and the source map. `.js`, `.mjs`: imports that nothing uses are kept. */
  readonly filename: string;
  /** Module specifier of the runtime; "mayfail/runtime" if not given. */
  readonly runtime?: string;
  /** Called with each specifier of the module and its place; what it answers stands in the output. */
  readonly importRewrites?: (specifier: string, place: SourcePlace) => string;
}

export interface CompiledModule {
  readonly code: string;
  readonly map: SourceMap;
  /** One entry for each task function, in source order. */
  readonly functions: readonly TaskMeta[];
  /** Names that the module imports, with the specifier as the author wrote it. */
  readonly imports: readonly { readonly specifier: string; readonly name: string; readonly place: SourcePlace }[];
  /** Names that the module exports; null when it has an `export * from`. */
  readonly exports: ReadonlySet<string> | null;
  /** It may contain an `import()`. */
  readonly importsLater: boolean;
}

/**
 * Compiles one module of TypeScript or JavaScript. Raises MayfailErrors MF0301 … MF0318 with file, line and column.
 */
export function compileTaskModule(source: string, options: CompileOptions): CompiledModule {
  try {
    return compileModule(source, options);
  } catch (error) {
    // The stack of this thread is the only bound on how deeply code may be nested.
    if (!(error instanceof RangeError)) throw error;
    throw mayfailError("MF0301", { reason: "it is nested too deeply" }, { file: options.filename, line: 1, column: 1 });
  }
}

function compileModule(source: string, options: CompileOptions): CompiledModule {
  const { filename } = options;
  const file = parseModule(source, filename);
  const { program } = file;
  stripTypes(file, (node, what) => fail(filename, node, "MF0311", { what }));
  const names = resolveNames(program);
  if (!/\.[mc]?js$/.test(filename)) dropTypeImports(program, names);
  const runtime = runtimeNames(names.taken);
  const context: FileContext = { filename, source, names, runtime };
  const tasks = findTasks(program);
  checkFile(context, program, tasks);
  const imports = importedNames(program).map(({ source: { value }, name, at }) => ({
    specifier: value,
    name,
    place: placeOf(filename, at),
  }));
  const exports = exportedNames(program);
  const rewrite = options.importRewrites;
  if (rewrite) rewriteImports(program, (specifier, at) => rewrite(specifier, placeOf(filename, at)));
  const functions = replaceTasks(context, program, tasks);
  if (functions.length > 0) {
    if (source.includes("catch")) passMachineErrors(program, runtime, () => freshName(names.taken, "$e"));
    const functionsOf = {
      enter: runtime.enter,
      hold: runtime.hold,
      leave: runtime.leave,
      kept: runtime.kept,
      fell: runtime.fell,
      define: runtime.define,
      encodeSlow: runtime.encode,
      decodeSlow: runtime.decode,
      awaitPoint: runtime.awaitPoint,
      probing: runtime.probing,
      probe: runtime.probe,
      rethrow: runtime.rethrow,
    };
    const fresh = (name: string): [string, string] => [name, freshName(names.taken, `${name}_`)];
    const constants = { room: fresh(runtime.room), waiting: fresh(runtime.waiting) };
    const mentioned = importRuntime(file, options.runtime ?? "mayfail/runtime", functionsOf, constants);
    if (mentioned.has(runtime.list)) declareList(file, runtime.list);
  }
  return { ...print(file, filename, source), functions, imports, exports, importsLater: /\bimport\s*\(/.test(source) };
}

/** Raises MF0301. */
function parseModule(source: string, filename: string): File {
  try {
    return parse(source);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const at = (error as SyntaxError & { loc?: { line: number; column: number } }).loc;
    const reason = error.message.replace(/\s*\(\d+:\d+\)$/, "").replace(/\.$/, "");
    const place = { file: filename, line: at?.line ?? 1, column: (at?.column ?? 0) + 1 };
    throw mayfailError("MF0301", { reason }, place);
  }
}

/** What a for…of that suspends loops over must be an array: an index survives a suspension, an iterator does not. */
function declareList(file: File, name: string): void {
  const helper = parse(`function ${name}(value) {
    if (Array.isArray(value) || ArrayBuffer.isView(value)) return value;
    throw new TypeError("a for…of loop that contains a yield* can only go over an array");
  }`);
  // Without places: they would be taken for places in the author's file.
  for (const each of helper.program.body)
    walk(each, (node) => {
      delete node.loc;
      return true;
    });
  file.program.body.push(...helper.program.body);
}
