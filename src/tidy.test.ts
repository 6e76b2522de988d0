/** The habits of the code base that no compiler holds. Each test lists every offender, with what to do about it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { expect, test } from "vitest";
import { filesBelow, isForTests, root } from "../scripts/project.mjs";

/** Each folder imports only from itself and from folders before it. */
const floors = [
  "machine",
  "compiler",
  "search",
  "mm",
  "drivers",
  "atlas",
  "contract",
  "conform",
  "sim",
  "trace",
  "report",
  "cli",
];
const importableByAll = ["src/errors.ts"];
/** Where a program or another package comes in; they need no importer. */
const entries = [
  "src/index.ts",
  "src/cli/main.ts",
  "src/machine/runtime.ts",
  "src/mm/user/api.ts",
  "src/mm/cpuAccess.ts", // for simulations; so far bench/mm is the only one
];

/** Files of more than `maxLines` lines, each with the reason why it holds one idea nevertheless. */
const maxLines = 400;
const longFiles: Record<string, string> = {};

/** The only files that may import these packages: the build bundles each of them with what it imports. */
const packages: Record<string, RegExp> = {
  "src/compiler/babel.ts": /^@babel\//,
  "src/cli/main.ts": /^commander$/,
};
/** Folders whose results may depend on nothing but their input; `clock.ts` is where a bound on time looks at the time. */
const deterministic = /^src\/(machine|compiler|search|mm|drivers|atlas|conform)\/(?!(.*\/)?clock\.ts$)/;

interface Source {
  readonly path: string;
  readonly text: string;
  readonly isTest: boolean;
  /** Import specifiers, those of `import()` and `new URL(…, import.meta.url)` included. */
  readonly imports: readonly string[];
}

const sources: readonly Source[] = filesBelow("src", (path) => path.endsWith(".ts")).map((path) => {
  const text = readFileSync(join(root, path), "utf8");
  return { path, text, isTest: isForTests(path), imports: importsOf(text) };
});
/** Tests and *.testkit.ts files are free to import from any floor and any package; they are not shipped. */
const shipped = sources.filter((source) => !source.isTest);

function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const patterns = [
    /^\s*(?:import|export)\s(?:[\w$*\s,{}]+\sfrom\s*)?["']([^"'\n]+)["']/gm,
    /\bimport\(\s*["']([^"'\n]+)["']/g,
    /\bnew URL\(\s*["'](\.[^"'\n]+)["']\s*,\s*import\.meta\.url/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1] ?? ""));
}

/** Comments become blanks; good enough for searching, as no string of ours contains a comment sign at a word boundary. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<![:"'`\\])\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, " "));
}

function targetOf(source: Source, specifier: string): string {
  return posix.join(posix.dirname(source.path), specifier.replace(/\.js$/, ".ts"));
}

/** `path:line` of every match in the shipped sources that `where` selects. */
function places(pattern: RegExp, where: (source: Source) => boolean, text = (source: Source) => source.text): string[] {
  return sources.filter(where).flatMap((source) =>
    text(source)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${source.path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

const code = (source: Source) => withoutComments(source.text);

test("the scanner sees what it is meant to see", () => {
  expect(shipped.map((source) => source.path)).toContain("src/errors.ts");
  expect(
    importsOf(
      'import { a,\n  b } from "./x.ts";\nexport * from "../y.ts"; // import "./no.ts"\nawait import("./z.ts")',
    ),
  ).toEqual(["./x.ts", "../y.ts", "./z.ts"]);
});

test("each folder imports only from folders above it", () => {
  const wrong = shipped.flatMap((source) => {
    const floor = floorOf(source.path);
    if (floor === undefined) return [];
    if (floor < 0) return [`${source.path}: its folder is not one of ${floors.join(", ")}`];
    return source.imports
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => targetOf(source, specifier))
      .filter((target) => !importableByAll.includes(target) && target.startsWith("src/"))
      .filter((target) => !(isAuthors(source.path) && target === "src/index.ts"))
      .filter((target) => (floorOf(target) ?? Number.POSITIVE_INFINITY) > floor)
      .map((target) => `${source.path} imports ${target}`);
  });
  expect(wrong).toEqual([]);
});

/** What users copy imports what users import. */
const isAuthors = (path: string): boolean => path.startsWith("src/drivers/skeleton/");

/** Undefined for files that stand directly in src/. */
function floorOf(path: string): number | undefined {
  const [, folder, rest] = path.split("/");
  return rest === undefined ? undefined : floors.indexOf(folder ?? "");
}

test(`no file has more than ${maxLines} lines`, () => {
  const long = sources.filter((source) => source.text.split("\n").length - 1 > maxLines).map((source) => source.path);
  expect(long).toEqual(Object.keys(longFiles).sort());
});

test("every file is imported by another one, is a test, or is an entry", () => {
  const imported = new Set(sources.flatMap((source) => source.imports.map((specifier) => targetOf(source, specifier))));
  const stale = shipped.map((source) => source.path).filter((path) => !imported.has(path) && !entries.includes(path));
  expect(stale).toEqual([]);
});

test("relative imports name a .ts file that exists; packages are imported where they are bundled", () => {
  const paths = new Set(sources.map((source) => source.path));
  // What tests import is seen when they run; they also write imports of files that they make.
  const wrong = shipped.flatMap((source) =>
    source.imports
      .filter((specifier) => {
        if (specifier.startsWith("node:")) return false;
        if (specifier.startsWith("."))
          return targetOf(source, specifier).startsWith("src/") && !paths.has(targetOf(source, specifier));
        return packages[source.path]?.test(specifier) !== true;
      })
      .map((specifier) => `${source.path} imports ${specifier}`),
  );
  expect(wrong).toEqual([]);
});

test("no default export outside of cases and drivers", () => {
  expect(
    places(
      /^export default\b/,
      (source) => !/^src\/(atlas|drivers|contract\/shipped|mm\/scenarios)\//.test(source.path),
      code,
    ),
  ).toEqual([]);
});

test("results depend on nothing but the input: neither chance nor the clock", () => {
  const chance =
    /\bMath\.random\b|\bDate\.now\b|\bnew Date\b|\bperformance\.now\b|\bhrtime\b|\brandomUUID\b|\bgetRandomValues\b/;
  expect(places(chance, (source) => !source.isTest && deterministic.test(source.path), code)).toEqual([]);
});

test("no type is switched off, no test is skipped, nothing is left for later", () => {
  const off = /@ts-(ignore|expect-error|nocheck)|biome-ignore(?!.*: \S)/;
  expect(
    places(
      off,
      (source) => !source.path.endsWith("/tidy.test.ts"),
      (source) => source.text,
    ),
  ).toEqual([]);
  const later = /\b(TODO|FIXME|XXX)\b/;
  expect(places(later, (source) => !source.path.endsWith("/tidy.test.ts"))).toEqual([]);
  expect(places(/\b(test|it|describe)\.(skip|only|todo)\b/, (source) => source.path !== "src/tidy.test.ts")).toEqual(
    [],
  );
});

test("files speak of Mayfail only, and name no path of a particular machine", () => {
  const text = /\.(ts|tsx|mjs|js|md|json|html|css|sh|c|py|txt|ltl|pml)$/;
  const skipped =
    /^(node_modules|dist|\.dist-\d+|\.dist-old-\d+|\.cache|\.git|coverage|artefacts|LICENSES)$|^package-lock\.json$/;
  const top = readdirSync(root).filter((name) => !skipped.test(name));
  const files = top.flatMap((name) => (statSync(join(root, name)).isDirectory() ? filesBelow(name) : [name]));
  const banned = new RegExp(
    [
      "(^|[^\\w.])/(work|farm|home|root)/",
      "\\b(sub)?ag" + "ents?\\b",
      "this sess" + "ion",
      "\\bclau" + "de\\b",
      "\\bgpt\\b",
      "registry\\.npm",
      "deb\\.debian",
    ].join("|"),
    "i",
  );
  const wrong = files.filter(
    (path) => text.test(path) && path !== "src/tidy.test.ts" && banned.test(readFileSync(join(root, path), "utf8")),
  );
  expect(wrong).toEqual([]);
});

test("the lockfile names no registry, and is complete for every platform", () => {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, LockedPackage>;
  };
  const wrong = Object.entries(lock.packages).flatMap(([path, { resolved, optionalDependencies }]) => [
    ...(resolved === undefined ? [] : [`${path}: resolved`]),
    ...Object.keys(optionalDependencies ?? {})
      .filter(
        (name) =>
          lock.packages[`node_modules/${name}`] === undefined &&
          lock.packages[`${path}/node_modules/${name}`] === undefined,
      )
      .map((name) => `${path}: ${name} is missing, so npm ci would refuse`),
  ]);
  expect(wrong).toEqual([]);
});

interface LockedPackage {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
