// What the other scripts know about the checkout: where it is, which files are its sources, which of them are task code.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join, posix, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** All files below `folder`, as paths from the root of the checkout with forward slashes, sorted. */
export function filesBelow(folder, keep = () => true) {
  if (!existsSync(join(root, folder))) return [];
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      relative(root, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join("/"),
    );
  return paths.filter(keep).sort();
}

/** Tests, and what only tests use: neither is shipped. */
export const isForTests = (path) => /\.(test|testkit)\.ts$/.test(path);

/** Sources that are shipped: everything in src/ except the tests. */
export const shippedSources = () => filesBelow("src", (path) => path.endsWith(".ts") && !isForTests(path));

/** What `mayfail new` copies. */
export const templateSources = () => filesBelow("src/drivers/skeleton", (path) => !isForTests(path));

/** A hash that changes when what dist/ is made of changes. */
export function sourceHash() {
  const hash = createHash("sha256");
  for (const path of [
    ...shippedSources(),
    ...templateSources().filter((path) => !path.endsWith(".ts")),
    ...filesBelow("scripts"),
    "package-lock.json",
    "tsconfig.json",
    "tsconfig.build.json",
  ]) {
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(join(root, path)))
      .update("\0");
  }
  return hash.digest("hex");
}

/** Task code is compiled by our own compiler. A file opts out as a whole by starting with the directive. */
export function isTaskModule(text) {
  return (
    /\bfunction\s*\*/.test(text) && !/^\s*(?:\/\*[\s\S]*?\*\/\s*|\/\/.*\n\s*)*(["'])use plain generator\1/.test(text)
  );
}

/** The import specifier of the task runtime as seen from the source file `path` (src/…). */
export function runtimeSpecifier(path) {
  const specifier = posix.relative(posix.dirname(path), "src/machine/runtime.ts");
  return specifier.startsWith(".") ? specifier : `./${specifier}`;
}

const compilerSource = "src/compiler/compile.ts";
export const hasCompiler = () => existsSync(join(root, compilerSource));

/** Our compiler, made loadable by this Node: bundled (without its packages) into .cache/. Resolves to `compileTaskModule`. */
export async function loadCompiler() {
  const { build } = await import("esbuild");
  const result = await build({
    absWorkingDir: root,
    entryPoints: [compilerSource],
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    write: false,
    logLevel: "error",
  });
  const text = result.outputFiles[0].text;
  const file = join(root, ".cache", `compiler-${createHash("sha256").update(text).digest("hex").slice(0, 16)}.mjs`);
  if (!existsSync(file)) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.${process.pid}`, text);
    await rename(`${file}.${process.pid}`, file);
  }
  return (await import(pathToFileURL(file).href)).compileTaskModule;
}

/** Makes test runs see what users run: task code as our compiler leaves it. A plugin for Vite and Vitest. */
export function taskModules() {
  let compiler;
  return {
    name: "mayfail-task-modules",
    enforce: "pre",
    async transform(code, id) {
      const path = relative(root, id.split("?")[0]).split(sep).join("/");
      if (!/^(src|conformance\/workloads)\//.test(path) || !path.endsWith(".ts")) return null;
      if (!isTaskModule(code) || !hasCompiler()) return null;
      compiler ??= loadCompiler();
      const compiled = (await compiler)(code, { filename: path, runtime: runtimeSpecifier(path) });
      return { code: compiled.code, map: { ...compiled.map, sources: [posix.basename(path)] } };
    },
  };
}

export async function readText(path) {
  return readFile(join(root, path), "utf8");
}
