/** The import and export statements of a module: which of them remain, and where they lead. */
import { declare, id, walk } from "./ast.ts";
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

/** A name that the module expects another one to have. */
export interface ImportedName {
  readonly source: StringLiteral;
  readonly name: string;
  readonly at: Node;
}

export function importedNames(program: Program): ImportedName[] {
  const found: ImportedName[] = [];
  const note = (source: StringLiteral, name: Node, at: Node): void => {
    const text = name.type === "StringLiteral" ? name.value : name.type === "Identifier" ? name.name : "default";
    found.push({ source, name: text, at });
  };
  for (const node of program.body) {
    if (node.type === "ImportDeclaration")
      for (const each of node.specifiers) {
        if (each.type === "ImportSpecifier") note(node.source, each.imported, each);
        else if (each.type === "ImportDefaultSpecifier") note(node.source, each, each);
      }
    if (node.type === "ExportNamedDeclaration" && node.source)
      for (const each of node.specifiers) if (each.type === "ExportSpecifier") note(node.source, each.local, each);
  }
  return found;
}

/** What the module exports; null when it also passes on all that another module exports. */
export function exportedNames(program: Program): Set<string> | null {
  const found = new Set<string>();
  for (const node of program.body) {
    if (node.type === "ExportAllDeclaration") return null;
    if (node.type === "ExportDefaultDeclaration") found.add("default");
    if (node.type !== "ExportNamedDeclaration") continue;
    for (const each of node.specifiers)
      found.add(each.exported.type === "StringLiteral" ? each.exported.value : each.exported.name);
    const declaration = node.declaration;
    if (declaration?.type === "VariableDeclaration")
      for (const each of declaration.declarations) addNames(each.id, found);
    else if (declaration && "id" in declaration && declaration.id?.type === "Identifier")
      found.add(declaration.id.name);
  }
  return found;
}

function addNames(pattern: Node, found: Set<string>): void {
  walk(pattern, (node) => {
    if (node.type === "Identifier") found.add(node.name);
    return true;
  });
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

/**
 * `import { enter as $enter, … } from "runtime"`, of those names that the program mentions; answers all that it mentions.
 * `constants` are imported by the second name and kept in a constant by the first: the engine takes the value of a constant
 * for granted, that of an import it looks up.
 */
export function importRuntime(
  file: File,
  runtime: string,
  names: Readonly<Record<string, string>>,
  constants: Readonly<Record<string, readonly [string, string]>>,
): Set<string> {
  const mentioned = new Set<string>();
  walk(file.program, (node) => {
    if (node.type === "Identifier") mentioned.add(node.name);
    return true;
  });
  const kept = Object.entries(constants).filter(([, [local]]) => mentioned.has(local));
  if (kept.length > 0) {
    const imports = file.program.body.findLastIndex((each) => each.type === "ImportDeclaration") + 1;
    const copies = kept.map(([, [local, imported]]) => declare("const", [local, id(imported)]));
    file.program.body.splice(imports, 0, ...copies);
  }
  const imported = [
    ...Object.entries(names).filter(([, local]) => mentioned.has(local)),
    ...kept.map(([name, [, local]]): [string, string] => [name, local]),
  ];
  const specifiers: ImportDeclaration["specifiers"] = imported.map(([imported, local]) => ({
    type: "ImportSpecifier",
    imported: { type: "Identifier", name: imported },
    local: { type: "Identifier", name: local },
  }));
  if (specifiers.length > 0)
    file.program.body.unshift({
      type: "ImportDeclaration",
      specifiers,
      source: { type: "StringLiteral", value: runtime },
    });
  return mentioned;
}
