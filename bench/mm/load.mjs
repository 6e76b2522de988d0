// The task code of a file here, compiled against dist/ as the sources of the package are.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadCompiler, root } from "../../scripts/project.mjs";

const inDist = (path) => pathToFileURL(join(root, "dist", path)).href;

export async function loadTasks(source = "tasks.ts") {
  const compile = await loadCompiler();
  const { code } = compile(readFileSync(join(root, "bench/mm", source), "utf8"), {
    filename: `bench/mm/${source}`,
    runtime: inDist("machine/runtime.js"),
    importRewrites: (specifier) => inDist(specifier.replace("../../src/", "").replace(/\.ts$/, ".js")),
  });
  const name = `bench-mm-${createHash("sha256").update(code).digest("hex").slice(0, 16)}.mjs`;
  const file = join(root, ".cache", name);
  mkdirSync(join(root, ".cache"), { recursive: true });
  writeFileSync(file, code);
  return import(pathToFileURL(file).href);
}
