/**
 * The test page: what is published, bundled for a browser and served from this computer. "mayfail", "mayfail/runtime" and
 * the worker are entries of one bundle with shared parts, so that user files and the checker meet the same machine.
 *
 *   dist/ ──esbuild──▶ /index.js  /runtime.js  /worker.js  /chunk-….js
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { build, type Metafile, type Plugin } from "esbuild";
import { root } from "../../scripts/project.mjs";

export interface Bundle {
  /** Texts by name. */
  readonly files: ReadonlyMap<string, string>;
  /** Which module imports which, as esbuild saw it. */
  readonly inputs: Metafile["inputs"];
}

/** Bundles the published modules in `dist` and the worker that uses them. Raises esbuild's messages. */
export async function bundleForBrowser(dist: string): Promise<Bundle> {
  const result = await build({
    absWorkingDir: dist,
    entryPoints: {
      index: join(dist, "index.js"),
      runtime: join(dist, "machine/runtime.js"),
      worker: join(root, "src/browser/worker.testkit.ts"),
    },
    outdir: "bundle",
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
    target: "es2023",
    // Nothing of Node is replaced by something else: an import of it stays, and a browser that met it would fail.
    external: ["node:*"],
    logLevel: "silent",
    plugins: [publishedModules(dist)],
  });
  return {
    files: new Map(result.outputFiles.map(({ path, text }) => [basename(path), text])),
    inputs: result.metafile.inputs,
  };
}

/** The worker of the tests is a source; what it imports is taken from `dist`. */
function publishedModules(dist: string): Plugin {
  return {
    name: "published-modules",
    setup({ onResolve }) {
      onResolve({ filter: /^\.\.\/.*\.ts$/ }, ({ path, importer }) =>
        importer.endsWith(".testkit.ts") ? { path: join(dist, path.slice(3).replace(/\.ts$/, ".js")) } : null,
      );
    },
  };
}

/** `ask(job)` starts a worker for each job and answers what it posts, or that it failed. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>Mayfail</title><link rel="icon" href="data:,">
<script type="module">
globalThis.ask = (job) => new Promise((resolve) => {
  const worker = new Worker("/worker.js", { type: "module" });
  const end = (answer) => { worker.terminate(); resolve(answer); };
  worker.onmessage = (event) => end(event.data);
  worker.onerror = (event) => end({ kind: "failed", message: event.message ?? "the worker could not be loaded" });
  worker.postMessage(job);
});
</script>`;

export interface PageServer {
  /** Without a slash at its end. */
  readonly origin: string;
  readonly close: () => void;
}

export async function servePage({ files }: Bundle): Promise<PageServer> {
  const server = createServer((request, response) => {
    const name = (request.url ?? "/").slice(1);
    const text = name === "" ? PAGE : files.get(name);
    const type = name === "" ? "text/html" : "text/javascript";
    response.writeHead(text === undefined ? 404 : 200, { "content-type": type }).end(text ?? "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
