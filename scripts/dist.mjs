// Builds dist/ from src/:
//
//   src/**/*.ts --tsc--> .js + .d.ts --our compiler--> task modules --esbuild--> files that need packages, made self-contained;
//                                                                            white space taken out of the others
//   src/drivers/skeleton/ --copied--> what `mayfail new` copies
//
// It works in a folder of its own and swaps it in at the end, so a build that fails or is interrupted leaves the old dist/ whole.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import {
  filesBelow,
  hasCompiler,
  isTaskModule,
  loadCompiler,
  root,
  runtimeSpecifier,
  shippedSources,
  sourceHash,
  templateSources,
} from "./project.mjs";

const stampName = ".sources";

export function isBuilt() {
  const stamp = join(root, "dist", stampName);
  return existsSync(stamp) && readFileSync(stamp, "utf8") === sourceHash();
}

/** Throws an Error whose message is the compiler's output when the sources do not compile. */
export async function build() {
  const hash = sourceHash();
  const out = join(root, `.dist-${process.pid}`); // beside dist/: source maps name their sources relatively
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  try {
    emit(out);
    await renameImportsOfTypes(out);
    await compileTasks(out);
    await bundlePackages(out);
    await compact(out);
    await copyTemplates(out);
    await writeFile(join(out, stampName), hash);
    await swapIn(out);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

function emit(out) {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const result = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", out], {
    cwd: root,
    encoding: "utf8",
  });
  if (result.status !== 0) throw new Error(`The sources do not compile:\n${result.stdout}${result.stderr}`);
}

/** tsc rewrites the specifiers of .js files only. */
async function renameImportsOfTypes(out) {
  for (const path of filesBelow(relative(root, out), (name) => name.endsWith(".d.ts"))) {
    const file = join(root, path);
    await writeFile(file, importsOfJs(await readFile(file, "utf8")));
  }
}

async function compileTasks(out) {
  if (!hasCompiler()) return;
  const compile = await loadCompiler();
  for (const path of shippedSources()) {
    const text = await readFile(join(root, path), "utf8");
    if (!isTaskModule(text)) continue;
    const { code, map } = compile(text, { filename: path, runtime: runtimeSpecifier(path) });
    const js = join(out, path.slice("src/".length).replace(/\.ts$/, ".js"));
    const emitted = JSON.parse(await readFile(`${js}.map`, "utf8"));
    await writeFile(js, `${importsOfJs(code)}\n//# sourceMappingURL=${basename(js)}.map\n`);
    await writeFile(
      `${js}.map`,
      JSON.stringify({ ...map, file: basename(js), sources: emitted.sources, sourcesContent: [text] }),
    );
  }
}

/** Compiled task code is several times its source, and a third of it is white space. Names stay, and so do source maps. */
async function compact(out) {
  const esbuild = await import("esbuild");
  for (const path of filesBelow(relative(root, out), (name) => name.endsWith(".js"))) {
    const file = join(root, path);
    if (!existsSync(`${file}.map`)) continue; // a bundle
    const text = await readFile(file, "utf8");
    const map = JSON.parse(await readFile(`${file}.map`, "utf8"));
    const inline = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString("base64")}\n`;
    const result = await esbuild.transform(text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, `\n${inline}`), {
      sourcefile: basename(file),
      sourcemap: "external",
      minifyWhitespace: true,
      legalComments: "none",
      target: "es2022",
    });
    await writeFile(file, `${result.code}//# sourceMappingURL=${basename(file)}.map\n`);
    await writeFile(`${file}.map`, result.map);
  }
}

/** What `mayfail new` copies is source. */
async function copyTemplates(out) {
  for (const path of templateSources()) await copyFile(join(root, path), join(out, path.slice("src/".length)));
}

/** Relative imports of .ts files as imports of the .js files beside which they will stand. The number of lines stays. */
function importsOfJs(code) {
  return code
    .replace(/^((?:import|export)\s+(?:[\w$*\s,{}]+from\s*)?["']\.{1,2}\/[^"'\n]+)\.ts(?=["'])/gm, "$1.js")
    .replace(/(\bimport\(\s*["']\.{1,2}\/[^"'\n]+)\.ts(?=["']\s*\))/g, "$1.js");
}

/**
 * The published package has no dependencies: a file that imports a package is replaced by a bundle of itself and that package.
 * Its relative imports stay imports, so no module of ours exists twice. Only src/cli/ is bound to Node; a bundle of any other
 * folder must run in a browser's worker too.
 */
async function bundlePackages(out) {
  const esbuild = await import("esbuild");
  const folders = new Set();
  for (const path of filesBelow(relative(root, out), (name) => name.endsWith(".js"))) {
    const file = join(root, path);
    if (!/^(?:import|export)\b[^;]*?\bfrom\s*["'](?!\.|node:)/m.test(await readFile(file, "utf8"))) continue;
    const result = await esbuild.build({
      ...(path.includes("/cli/") ? bundleForNode : bundleForAll),
      absWorkingDir: root,
      entryPoints: [file],
      outfile: file,
      allowOverwrite: true,
      bundle: true,
      minify: true,
      format: "esm",
      target: "es2022",
      legalComments: "none",
      logLevel: "error",
      metafile: true,
      plugins: [ownModulesStay(file)],
    });
    for (const input of Object.keys(result.metafile.inputs)) {
      const folder = input.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0];
      if (folder !== undefined) folders.add(folder);
    }
    await rm(`${file}.map`, { force: true });
  }
  if (folders.size > 0) await writeFile(join(out, "THIRD-PARTY.txt"), await licenseTexts([...folders].sort()));
}

const bundleForNode = {
  platform: "node",
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
};
const bundleForAll = {
  platform: "browser",
  define: { "process.env.NODE_ENV": '"production"' },
  banner: { js: 'const process = globalThis.process ?? { env: {}, argv: [], platform: "browser", cwd: () => "/" };' },
};

const ownModulesStay = (entry) => ({
  name: "own-modules-stay",
  setup(build) {
    build.onResolve({ filter: /^\./ }, (args) =>
      args.importer === entry ? { path: args.path, external: true } : null,
    );
  },
});

async function licenseTexts(folders) {
  const texts = [];
  for (const folder of folders) {
    const { name, version, license } = JSON.parse(await readFile(join(root, folder, "package.json"), "utf8"));
    const file = ["LICENSE", "LICENSE.md", "LICENSE.txt", "license", "LICENSE-MIT"].find((each) =>
      existsSync(join(root, folder, each)),
    );
    const text = file === undefined ? "" : await readFile(join(root, folder, file), "utf8");
    texts.push(`${name} ${version} (${license})\n\n${text.trim()}\n`);
  }
  return `Parts of these packages are contained in the files of this folder.\n\n${texts.join(`\n${"-".repeat(80)}\n\n`)}`;
}

/** Two builds may end at the same time: whoever renames last wins, and both were built whole. */
async function swapIn(out) {
  const dist = join(root, "dist");
  const old = join(root, `.dist-old-${process.pid}`);
  for (let attempt = 0; ; attempt++) {
    await rename(dist, old).catch(() => {});
    try {
      await rename(out, dist);
      break;
    } catch (error) {
      if (attempt === 5) throw error;
    } finally {
      await rm(old, { recursive: true, force: true });
    }
  }
}
