/** Where a package that a user's file imports has its module, as Node would find it from that file. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

const conditions = ["node", "import", "module-sync", "default"];

/** Path of the module that `specifier` (a bare one) means for a file in `folder`; a reason in words when there is none. */
export function resolvePackage(
  specifier: string,
  folder: string,
): { readonly path: string } | { readonly reason: string } {
  const match = /^(@[^/]+\/[^/]+|[^@/.][^/]*)(\/.*)?$/.exec(specifier);
  if (match === null) return { reason: "it is not the name of a package" };
  const [, name = "", rest = ""] = match;
  for (let at = folder; ; at = dirname(at)) {
    const home = join(at, "node_modules", name);
    if (existsSync(join(home, "package.json"))) return moduleOf(home, `.${rest}`);
    if (dirname(at) === at) return { reason: `the package ${name} is not installed` };
  }
}

function moduleOf(home: string, subpath: string): { readonly path: string } | { readonly reason: string } {
  let manifest: Record<string, unknown>;
  try {
    manifest = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as Record<string, unknown>;
  } catch {
    return { reason: `${join(home, "package.json")} is not JSON` };
  }
  const exported = manifest["exports"];
  if (exported !== undefined && exported !== null) {
    const target = exportedTarget(exported, subpath);
    if (target === undefined) return { reason: `the package does not export "${subpath}"` };
    return checked(join(home, target));
  }
  const main = typeof manifest["main"] === "string" ? manifest["main"] : "index.js";
  return checked(join(home, subpath === "." ? main : subpath));
}

function exportedTarget(exported: unknown, subpath: string): string | undefined {
  const isMap =
    typeof exported === "object" && exported !== null && Object.keys(exported).some((key) => key.startsWith("."));
  if (!isMap) return subpath === "." ? conditionalTarget(exported) : undefined;
  const map = exported as Record<string, unknown>;
  if (Object.hasOwn(map, subpath)) return conditionalTarget(map[subpath]);
  for (const [pattern, value] of Object.entries(map)) {
    const [before = "", after] = pattern.split("*");
    if (after === undefined || !subpath.startsWith(before) || !subpath.endsWith(after)) continue;
    return conditionalTarget(value)?.replaceAll("*", subpath.slice(before.length, subpath.length - after.length));
  }
  return undefined;
}

function conditionalTarget(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(conditionalTarget).find((each) => each !== undefined);
  if (typeof value !== "object" || value === null) return undefined;
  for (const [condition, target] of Object.entries(value))
    if (conditions.includes(condition)) {
      const found = conditionalTarget(target);
      if (found !== undefined) return found;
    }
  return undefined;
}

function checked(path: string): { readonly path: string } | { readonly reason: string } {
  for (const each of [path, `${path}.js`, join(path, "index.js")])
    if (existsSync(each) && statSync(each).isFile()) return { path: each };
  return { reason: `${path} does not exist` };
}
