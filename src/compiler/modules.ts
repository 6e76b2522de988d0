/** The import and export statements of a module: which of them remain, and where they lead. */
import { walk } from "./ast.ts";
import type { File, ImportDeclaration, Node, Program, StringLiteral } from "./babel.ts";
import type { Names } from "./scope.ts";

/** Every place where the module names another one. */
export function importSources(program: Program): StringLiteral[] {
  const found: StringLiteral[] = [];
  walk(program, (node) => {
    switch (node.type) {
      case "ImportDeclaration":
      case "ExportAllDeclaration":
        found.push(node.source);
        break;
      case "ExportNamedDeclaration":
        if (node.source) found.push(node.source);
        break;
      case "CallExpression":
        if (node.callee.type === "Import" && node.arguments[0]?.type === "StringLiteral") found.push(node.arguments[0]);
        break;
      default:
        break;
    }
    return true;
  });
  return found;
}

export function rewriteImports(program: Program, rewrite: (specifier: string, at: Node) => string): void {
  for (const source of importSources(program)) {
    const value = rewrite(source.value, source);
    if (value === source.value) continue;
    source.value = value;
    delete source.extra;
  }
}

/** Drops imports and exports that, in TypeScript, were only of types: names that no remaining code mentions. */
export function dropTypeImports(program: Program, names: Names): void {
  const isUsed = (node: Node): boolean => (names.bindingOf.get(node)?.reads.length ?? 0) > 0;
  program.body = program.body.filter((node) => {
    if (node.type === "ImportDeclaration" && node.specifiers.length > 0) {
      node.specifiers = node.specifiers.filter((each) => isUsed(each.local));
      return node.specifiers.length > 0;
    }
    if (node.type === "ExportNamedDeclaration" && !node.source && !node.declaration && node.specifiers.length > 0) {
      node.specifiers = node.specifiers.filter(
        (each) => each.type !== "ExportSpecifier" || names.bindingOf.has(each.local),
      );
      return node.specifiers.length > 0;
    }
    return true;
  });
}

/** `import { enter as $enter, … } from "runtime"`, of those names that the program mentions. */
export function importRuntime(file: File, runtime: string, names: Readonly<Record<string, string>>): void {
  const mentioned = new Set<string>();
  walk(file.program, (node) => {
    if (node.type === "Identifier") mentioned.add(node.name);
    return true;
  });
  const specifiers: ImportDeclaration["specifiers"] = Object.entries(names)
    .filter(([, local]) => mentioned.has(local))
    .map(([imported, local]) => ({
      type: "ImportSpecifier",
      imported: { type: "Identifier", name: imported },
      local: { type: "Identifier", name: local },
    }));
  if (specifiers.length === 0) return;
  file.program.body.unshift({
    type: "ImportDeclaration",
    specifiers,
    source: { type: "StringLiteral", value: runtime },
  });
}
