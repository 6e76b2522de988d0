/** Recognises `until(() => condition)`, whose condition the machine tests in place, again and again, without side effect. */
import { walk } from "./ast.ts";
import type { Expression, Node } from "./babel.ts";
import type { Builder } from "./builder.ts";
import { fail } from "./context.ts";
import type { Names } from "./scope.ts";

/** Is it a call of `until` as imported from "mayfail" or from a file? */
export function isUntil(names: Names, node: Node): boolean {
  if (node.type !== "CallExpression" || node.callee.type !== "Identifier") return false;
  return isUntilName(names, node.callee);
}

export function isUntilName(names: Names, node: Node): boolean {
  const binding = names.bindingOf.get(node);
  if (binding?.kind !== "import" || binding.node.type !== "ImportSpecifier") return false;
  const imported = binding.node.imported;
  return (imported.type === "Identifier" ? imported.name : imported.value) === "until";
}

/** The condition of an until; null for other calls. Raises MF0309 when the argument is not `() => expression`. */
export function untilTest(b: Builder, node: Expression): Expression | null {
  if (!isUntil(b.file.names, node) || node.type !== "CallExpression") return null;
  const test = node.arguments[0];
  if (
    test?.type !== "ArrowFunctionExpression" ||
    test.body.type === "BlockStatement" ||
    test.params.length > 0 ||
    node.arguments.length > 2
  )
    return fail(b.file.filename, node, "MF0309", { task: b.taskName });
  walk(test.body, (each) => {
    if (each.type === "AssignmentExpression" || each.type === "UpdateExpression")
      fail(b.file.filename, each, "MF0321", { task: b.taskName });
    return each.type !== "UnaryExpression" || each.operator !== "delete"
      ? true
      : fail(b.file.filename, each, "MF0321", { task: b.taskName });
  });
  return test.body;
}
