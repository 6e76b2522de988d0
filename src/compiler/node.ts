/**
 * Loads a user's file of task code in Node: it and the files that it imports are compiled into a temporary folder, from
 * where Node imports them. "mayfail" means this very package, so that there is one machine and not two.
 *
 *   case.ts ──imports──▶ ./driver.ts ──▶ …        tmp/mayfail-…/0-case.mjs ──▶ ./1-driver.mjs
 *      └──imports──▶ mayfail, node:…, packages         └──▶ file URLs
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MayfailError, mayfailError, type SourcePlace } from "../errors.ts";
import { compileTaskModule } from "./compile.ts";
import { resolvePackage } from "./packages.ts";

export interface LoadOptions {
  /** URLs of the modules of this package by specifier; by default those beside this file, or of dist/ in a checkout. */
  readonly packages?: Readonly<Record<string, string>>;
}

const compiledExtensions = [".ts", ".mts", ".js", ".mjs"];
const maxBytes = 8 * 2 ** 20;

/**
 * Imports the module at `path`, compiled. Raises MF0104 when it cannot be read, MF0319 for an import that leads nowhere,
 * MF0301 … MF0318 for what the compiler refuses, and MF0108 when the module fails while it is evaluated.
 */
export async function loadTaskModule(path: string, options: LoadOptions = {}): Promise<Record<string, unknown>> {
  const graph = new Graph(options.packages ?? ownPackages());
  const entry = graph.add(resolve(path), path);
  await graph.link();
  const folder = mkdtempSync(join(tmpdir(), "mayfail-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  graph.write(folder);
  try {
    return (await import(pathToFileURL(join(folder, entry)).href)) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof MayfailError) throw error;
    throw mayfailError("MF0108", { file: path, reason: graph.inOriginalNames(reasonOf(error), folder) });
  } finally {
    // An import() may still come for its file; everything else has been read.
    if (graph.importsLater) process.once("exit", remove);
    else remove();
  }
}

interface Import {
  /** What the specifier became: "./" and a name in the temporary folder, or a URL. */
  readonly target: string;
  readonly specifier: string;
  readonly name: string;
  readonly place: SourcePlace;
}

/** The files of one program, each compiled once, cycles included. */
class Graph {
  importsLater = false;
  readonly #packages: Readonly<Record<string, string>>;
  /** Name in the temporary folder of each file, by its path. */
  readonly #names = new Map<string, string>();
  readonly #codes = new Map<string, string>();
  readonly #shown = new Map<string, string>();
  readonly #exports = new Map<string, ReadonlySet<string> | null>();
  readonly #imports: Import[] = [];

  constructor(packages: Readonly<Record<string, string>>) {
    this.#packages = packages;
  }

  /** Compiles the file and what it imports; answers its name in the temporary folder. `shown` is its name in errors. */
  add(path: string, shown: string): string {
    const known = this.#names.get(path);
    if (known !== undefined) return known;
    const name = `${this.#names.size}-${basename(path, extname(path)).replace(/[^\w.-]/g, "_")}.mjs`;
    this.#names.set(path, name);
    this.#shown.set(name, shown);
    const targets = new Map<string, string>();
    const { code, map, imports, exports, importsLater } = compileTaskModule(readText(path, shown), {
      filename: shown,
      runtime: this.#packages["mayfail/runtime"] ?? "mayfail/runtime",
      importRewrites: (specifier, at) => {
        const target = this.#target(specifier, at, path);
        targets.set(specifier, target);
        return target;
      },
    });
    this.importsLater ||= importsLater;
    this.#exports.set(`./${name}`, exports);
    for (const each of imports) this.#imports.push({ ...each, target: targets.get(each.specifier) ?? "" });
    const mapText = JSON.stringify({ ...map, sources: [pathToFileURL(path).href] });
    const inline = `data:application/json;base64,${Buffer.from(mapText).toString("base64")}`;
    this.#codes.set(name, `${code}\n//# sourceMappingURL=${inline}\n`);
    return name;
  }

  /** Raises MF0320 for a name that a file imports from another one, or from Mayfail, that does not have it. */
  async link(): Promise<void> {
    const own = new Set(Object.values(this.#packages));
    for (const { target, specifier, name, place } of this.#imports) {
      const exports =
        this.#exports.get(target) ?? (own.has(target) ? new Set(Object.keys(await import(target))) : null);
      if (exports !== null && !exports.has(name)) throw mayfailError("MF0320", { specifier, name }, place);
    }
  }

  write(folder: string): void {
    for (const [name, code] of this.#codes) writeFileSync(join(folder, name), code);
  }

  /** Error messages of Node name files of the temporary folder: say which of the author's files is meant. */
  inOriginalNames(message: string, folder: string): string {
    let text = message.replaceAll(`${pathToFileURL(folder).href}/`, "").replaceAll(`${folder}/`, "");
    for (const [name, shown] of this.#shown) text = text.replaceAll(`./${name}`, shown).replaceAll(name, shown);
    return text;
  }

  #target(specifier: string, at: SourcePlace, from: string): string {
    const own = this.#packages[specifier];
    if (own !== undefined) return own;
    const missing = (reason: string): MayfailError => mayfailError("MF0319", { specifier, reason }, at);
    if (specifier === "mayfail" || specifier.startsWith("mayfail/"))
      throw missing(`Mayfail has only ${Object.keys(this.#packages).join(" and ")}`);
    if (isBuiltin(specifier) || specifier.startsWith("data:")) return specifier;
    const path = pathOf(specifier, dirname(from));
    if (path === undefined) {
      const found = resolvePackage(specifier, dirname(from));
      if ("reason" in found) throw missing(found.reason);
      return pathToFileURL(found.path).href;
    }
    const file = existingFile(path);
    if (file === undefined) throw missing(`there is no file ${display(path)}`);
    if (!compiledExtensions.includes(extname(file))) return pathToFileURL(file).href;
    return `./${this.add(file, display(file))}`;
  }
}

/** The path that a specifier names; undefined when it names a package. */
function pathOf(specifier: string, folder: string): string | undefined {
  if (specifier.startsWith("file:")) {
    try {
      return fileURLToPath(specifier);
    } catch {
      return specifier;
    }
  }
  if (isAbsolute(specifier)) return specifier;
  return /^\.{1,2}(\/|$)/.test(specifier) ? join(folder, specifier) : undefined;
}

/** As TypeScript finds it: the file itself, the .ts file that a .js specifier stands for, or one with an extension. */
function existingFile(path: string): string | undefined {
  const candidates = [path, path.replace(/\.(m?)js$/, ".$1ts"), `${path}.ts`, `${path}.js`, join(path, "index.ts")];
  return candidates.find((each) => {
    try {
      return statSync(each).isFile();
    } catch {
      return false;
    }
  });
}

/** Raises MF0104. Only regular files of a reasonable size are read: a device could be endless. */
function readText(path: string, shown: string): string {
  const unreadable = (reason: string): MayfailError => mayfailError("MF0104", { file: shown, reason });
  let bytes: Buffer;
  try {
    const status = statSync(path);
    if (status.isDirectory()) throw unreadable("it is a directory");
    if (!status.isFile()) throw unreadable("it is not a regular file");
    if (status.size > maxBytes) throw unreadable(`it is larger than ${maxBytes} bytes`);
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof MayfailError) throw error;
    throw unreadable(reasonOf(error));
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw unreadable("it is not UTF-8 text");
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "it does not exist";
  if (code === "EACCES") return "permission denied";
  const message = error instanceof Error ? error.message : String(error);
  return (message.split("\n")[0] ?? "").replace(/[.\s]+$/, "");
}

/** Relative to the working folder where that is shorter to read. */
function display(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") || isAbsolute(near) ? path : near;
}

function ownPackages(): Readonly<Record<string, string>> {
  const here = new URL(import.meta.url);
  const dist = here.pathname.endsWith(".ts") ? new URL("../../dist/", here) : new URL("../", here);
  return {
    mayfail: new URL("index.js", dist).href,
    "mayfail/user": new URL("mm/user/api.js", dist).href,
    "mayfail/runtime": new URL("machine/runtime.js", dist).href,
  };
}
