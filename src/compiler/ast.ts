/** Walking and building syntax trees. Built nodes have no `loc` unless it is given: only the author's code is mapped. */
import {
  type ArrowFunctionExpression,
  type AssignmentExpression,
  type BlockStatement,
  type CallExpression,
  type ClassMethod,
  type ClassPrivateMethod,
  childKeys,
  type Expression,
  type ExpressionStatement,
  type FunctionDeclaration,
  type FunctionExpression,
  type Identifier,
  type LVal,
  type MemberExpression,
  type Node,
  type ObjectMethod,
  type Statement,
  type VariableDeclaration,
} from "./babel.ts";

export type FunctionNode =
  | FunctionDeclaration
  | FunctionExpression
  | ArrowFunctionExpression
  | ObjectMethod
  | ClassMethod
  | ClassPrivateMethod;

export function isFunction(node: Node): node is FunctionNode {
  switch (node.type) {
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
    case "ObjectMethod":
    case "ClassMethod":
    case "ClassPrivateMethod":
      return true;
    default:
      return false;
  }
}

/** Calls `visit` for each child node in source order. */
export function forEachChild(node: Node, visit: (child: Node, key: string) => void): void {
  const keys = childKeys[node.type];
  if (keys === undefined) return;
  const record = node as unknown as Record<string, Node | (Node | null)[] | null | undefined>;
  for (const key of keys) {
    const value = record[key];
    if (Array.isArray(value)) {
      for (const child of value) if (child) visit(child, key);
    } else if (value) visit(value, key);
  }
}

/** Calls `visit` for `node` and everything below it; a false answer keeps out of that node's children. */
export function walk(node: Node, visit: (node: Node) => boolean | undefined): void {
  if (visit(node) === false) return;
  const keys = childKeys[node.type];
  if (keys === undefined) return;
  const record = node as unknown as Record<string, Node | (Node | null)[] | null | undefined>;
  for (const key of keys) {
    const value = record[key];
    if (!value) continue;
    if (!Array.isArray(value)) walk(value, visit);
    else for (const child of value) if (child) walk(child, visit);
  }
}

/** Replaces children of `node` in place: `change` answers the same node, another one, or null to remove it. */
export function replaceChildren(node: Node, change: (child: Node, key: string) => Node | null): void {
  const keys = childKeys[node.type];
  if (keys === undefined) return;
  const record = node as unknown as Record<string, Node | (Node | null)[] | null | undefined>;
  for (const key of keys) {
    const value = record[key];
    if (Array.isArray(value)) {
      let kept = 0;
      for (let i = 0; i < value.length; i++) {
        const child = value[i] ?? null;
        const next = child === null ? null : change(child, key);
        if (child === null || next !== null) value[kept++] = next;
      }
      value.length = kept;
    } else if (value) {
      record[key] = change(value, key);
    }
  }
}

export function directivesOf(node: FunctionNode): string[] {
  return node.body.type === "BlockStatement" ? node.body.directives.map((each) => each.value.value) : [];
}

export const id = (name: string): Identifier => ({ type: "Identifier", name });
export const num = (value: number): Expression => ({ type: "NumericLiteral", value });
export const str = (value: string): Expression => ({ type: "StringLiteral", value });
export const undefinedValue = (): Expression => ({
  type: "UnaryExpression",
  operator: "void",
  prefix: true,
  argument: num(0),
});

export const call = (callee: Expression, ...args: Expression[]): CallExpression => ({
  type: "CallExpression",
  callee,
  arguments: args,
});
export const index = (object: Expression, property: Expression): MemberExpression => ({
  type: "MemberExpression",
  object,
  property,
  computed: true,
});
export const member = (object: Expression, property: string): MemberExpression => ({
  type: "MemberExpression",
  object,
  property: id(property),
  computed: false,
});
export const assign = (left: LVal, right: Expression, operator = "="): AssignmentExpression => ({
  type: "AssignmentExpression",
  operator,
  left: left as AssignmentExpression["left"],
  right,
});
export const binary = (
  operator: "+" | "<<" | ">>" | "&" | "|" | "===" | "!==" | "==" | "<",
  left: Expression,
  right: Expression,
): Expression => ({ type: "BinaryExpression", operator, left, right });
export const not = (argument: Expression): Expression => ({
  type: "UnaryExpression",
  operator: "!",
  prefix: true,
  argument,
});
export const conditional = (test: Expression, consequent: Expression, alternate: Expression): Expression => ({
  type: "ConditionalExpression",
  test,
  consequent,
  alternate,
});
export const statement = (expression: Expression, at?: Node): ExpressionStatement =>
  located({ type: "ExpressionStatement", expression }, at);
export const block = (body: Statement[]): BlockStatement => ({ type: "BlockStatement", body, directives: [] });
export const ifThen = (test: Expression, consequent: Statement, alternate: Statement | null = null): Statement => ({
  type: "IfStatement",
  test,
  consequent,
  alternate,
});
export const declare = (kind: "var" | "const", ...each: [string, Expression | null][]): VariableDeclaration => ({
  type: "VariableDeclaration",
  kind,
  declarations: each.map(([name, init]) => ({ type: "VariableDeclarator", id: id(name), init })),
});

/** `node` with the position of `at`, so that the source map leads there. */
export function located<N extends Node>(node: N, at: Node | null | undefined): N {
  if (at?.loc) {
    node.loc = at.loc;
    node.start = at.start ?? null;
    node.end = at.end ?? null;
  }
  return node;
}

/** The plain value as an expression: what JSON can say. */
export function literal(value: unknown): Expression {
  if (typeof value === "number") return num(value);
  if (typeof value === "string") return str(value);
  if (typeof value === "boolean") return { type: "BooleanLiteral", value };
  if (Array.isArray(value)) return { type: "ArrayExpression", elements: value.map(literal) };
  if (typeof value === "object" && value !== null)
    return {
      type: "ObjectExpression",
      properties: Object.entries(value).map(([key, each]) => ({
        type: "ObjectProperty",
        key: id(key),
        value: literal(each),
        computed: false,
        shorthand: false,
      })),
    };
  return undefinedValue();
}
