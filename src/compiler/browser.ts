/** Compiles a user's files where there is no file system: in a worker of a page. */
import { mayfailError } from "../errors.ts";
import { compileTaskModule } from "./compile.ts";

export interface BrowserOptions {
  /** URLs for specifiers that name packages: at least "mayfail" and "mayfail/runtime". */
  readonly packages: Readonly<Record<string, string>>;
  /** What packages export, by specifier: `Object.keys` of the module. Names from packages that are not here are not checked. */
  readonly exports?: Readonly<Record<string, Iterable<string>>>;
  /** Makes a URL from which the module with this code can be imported, such as that of a Blob. */
  readonly makeUrl: (code: string, filename: string) => string;
}

/**
 * Compiles `entry` and the files that it imports; answers the URL of `entry`. `files` maps names such as "case.ts" or
 * "lib/driver.ts" to sources. Raises MF0301 … MF0318 as the compiler does, and MF0319 for an import that is neither a
 * given file nor a known package, or that closes a circle: a module must exist before the URL that names it; and MF0320
 * for a name that a file, or a package of `exports`, does not have.
 */
export function compileToUrls(files: ReadonlyMap<string, string>, entry: string, options: BrowserOptions): string {
  const urls = new Map<string, string>();
  /** What each file exports, by its URL; null = not known (it exports everything of another module). */
  const exported = new Map<string, ReadonlySet<string> | null>();
  const underWay = new Set<string>();
  const ownNames = new Map(Object.entries(options.exports ?? {}).map(([at, names]) => [at, new Set(names)]));

  function urlOf(filename: string): string {
    const known = urls.get(filename);
    if (known !== undefined) return known;
    underWay.add(filename);
    const source = files.get(filename);
    if (source === undefined) throw mayfailError("MF0104", { file: filename, reason: "it was not given" });
    const targets = new Map<string, string>();
    const { code, map, imports, exports } = compileTaskModule(source, {
      filename,
      runtime: options.packages["mayfail/runtime"] ?? "mayfail/runtime",
      importRewrites: (specifier, place) => {
        const missing = (reason: string): Error => mayfailError("MF0319", { specifier, reason }, place);
        const url = options.packages[specifier];
        if (url !== undefined) return url;
        if (!specifier.startsWith(".")) throw missing("a page has no packages but Mayfail");
        const target = fileFor(filename, specifier);
        if (target === undefined) throw missing("there is no such file");
        if (underWay.has(target)) throw missing("the files import each other in a circle");
        targets.set(specifier, urlOf(target));
        return targets.get(specifier) as string;
      },
    });
    for (const { specifier, name, place } of imports) {
      const target = targets.get(specifier);
      const names = target === undefined ? ownNames.get(specifier) : exported.get(target);
      if (names && !names.has(name)) throw mayfailError("MF0320", { specifier, name }, place);
    }
    underWay.delete(filename);
    const mapUrl = `data:application/json,${encodeURIComponent(JSON.stringify(map))}`;
    const url = options.makeUrl(`${code}\n//# sourceMappingURL=${mapUrl}\n`, filename);
    urls.set(filename, url);
    exported.set(url, exports);
    return url;
  }

  function fileFor(from: string, specifier: string): string | undefined {
    const { pathname } = new URL(specifier, `file:///${from}`);
    const path = decodeURIComponent(pathname.slice(1));
    return [path, path.replace(/\.js$/, ".ts"), `${path}.ts`].find((each) => files.has(each));
  }

  return urlOf(entry);
}
