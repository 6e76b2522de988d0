/**
 * Takes the types out of a syntax tree, in place: what remains is JavaScript with the author's positions. As with Node's
 * own type stripping, syntax that would have to be turned into code (enums, namespaces with values, parameter
 * properties, `import x = …`, `export = …`) is refused (MF0311).
 */

import { replaceChildren } from "./ast.ts";
import type { File, Node, Statement } from "./babel.ts";

/** Raises the error for syntax that cannot be stripped: `refuse(node, what)` throws. */
export type Refuse = (node: Node, what: string) => never;

const typeKeys = [
  "typeAnnotation",
  "returnType",
  "typeParameters",
  "typeArguments",
  "superTypeParameters",
  "implements",
  "definite",
  "declare",
  "abstract",
  "accessibility",
  "override",
  "readonly",
] as const;

export function stripTypes(file: File, refuse: Refuse): void {
  strip(file.program, "", refuse);
}

function strip(node: Node, key: string, refuse: Refuse): Node | null {
  const kept = withoutType(node, key, refuse);
  if (kept === null) return null;
  if (kept !== node) return strip(kept, key, refuse);
  const record = node as unknown as Record<string, unknown>;
  for (const each of typeKeys) if (record[each] !== undefined) record[each] = undefined;
  // `x?: T` marks a parameter or a property; in `a?.b` the flag is JavaScript.
  if (record["optional"] !== undefined && !node.type.startsWith("Optional")) record["optional"] = undefined;
  if ("params" in node && Array.isArray(node.params)) {
    const [first] = node.params as Node[];
    if (first?.type === "Identifier" && first.name === "this") node.params.shift();
  }
  replaceChildren(node, (child, childKey) => strip(child, childKey, refuse));
  return node;
}

/** The node itself, what stands for it without its type, or null when it is nothing but a type. */
function withoutType(node: Node, key: string, refuse: Refuse): Node | null {
  switch (node.type) {
    case "TSAsExpression":
    case "TSSatisfiesExpression":
    case "TSNonNullExpression":
    case "TSTypeAssertion":
    case "TSInstantiationExpression":
      return node.expression;
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
    case "TSDeclareFunction":
    case "TSDeclareMethod":
    case "TSIndexSignature":
    case "TSNamespaceExportDeclaration":
      return gone(key);
    case "VariableDeclaration":
    case "ClassDeclaration":
      return node.declare ? gone(key) : node;
    case "ClassProperty":
      return node.declare || node.abstract ? null : node;
    case "TSEnumDeclaration":
      return node.declare ? gone(key) : refuse(node, "an enum");
    case "TSModuleDeclaration":
      return node.declare || node.kind === "global" || node.body === undefined
        ? gone(key)
        : refuse(node, "a namespace");
    case "TSParameterProperty":
      return refuse(node, "a parameter property");
    case "TSImportEqualsDeclaration":
      return node.importKind === "type" ? null : refuse(node, "import =");
    case "TSExportAssignment":
      return refuse(node, "export =");
    case "ImportDeclaration":
      if (node.importKind === "type" || node.importKind === "typeof") return null;
      return specifiersLeft(node) ? node : null;
    case "ExportNamedDeclaration":
      if (node.exportKind === "type" || isTypeOnly(node.declaration)) return null;
      return specifiersLeft(node) ? node : null;
    case "ExportDefaultDeclaration":
      return isTypeOnly(node.declaration) ? null : node;
    case "ExportAllDeclaration":
      return node.exportKind === "type" ? null : node;
    default:
      return node;
  }
}

/** A declaration that stands where a statement must stand leaves an empty one behind. */
function gone(key: string): Node | null {
  return key === "body" || key === "consequent" || key === "directives" ? null : { type: "EmptyStatement" };
}

/** Drops `import { type X }`; false when nothing but types was imported or exported. */
function specifiersLeft(node: { specifiers: Node[] } & Node): boolean {
  const before = node.specifiers.length;
  node.specifiers = node.specifiers.filter(
    (each) =>
      !(each.type === "ImportSpecifier" && (each.importKind === "type" || each.importKind === "typeof")) &&
      !(each.type === "ExportSpecifier" && each.exportKind === "type"),
  ) as typeof node.specifiers;
  return before === 0 || node.specifiers.length > 0;
}

function isTypeOnly(declaration: Node | Statement | null | undefined): boolean {
  switch (declaration?.type) {
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
    case "TSDeclareFunction":
      return true;
    case "VariableDeclaration":
    case "ClassDeclaration":
    case "TSEnumDeclaration":
    case "TSModuleDeclaration":
      return declaration.declare === true;
    default:
      return false;
  }
}
