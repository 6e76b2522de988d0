/** Which nodes of a task function must be taken apart: those that suspend, and a few that jump out of a finally. */
import { type FunctionNode, forEachChild, isFunction } from "./ast.ts";
import type { Node } from "./babel.ts";

export interface HeavyNodes {
  /** Contain a `yield*` of this function. */
  readonly suspends: Set<Node>;
  /** These, and all around a `try … finally` that is left by a jump or return: it must run before the frame is popped. */
  readonly heavy: ReadonlySet<Node>;
}

export function heavyNodes(task: FunctionNode): HeavyNodes {
  const suspends = new Set<Node>();
  const heavy = new Set<Node>();
  const visit = (node: Node): void => {
    if (isFunction(node)) {
      // The computed key of a method is code of the function around it.
      if (!("key" in node) || !node.computed) return;
      visit(node.key);
      if (suspends.has(node.key)) suspends.add(node);
      if (suspends.has(node)) heavy.add(node);
      return;
    }
    if (node.type === "YieldExpression") suspends.add(node);
    forEachChild(node, (child) => {
      visit(child);
      if (suspends.has(child)) suspends.add(node);
      if (heavy.has(child)) heavy.add(node);
    });
    if (suspends.has(node)) heavy.add(node);
    if (node.type === "TryStatement" && node.finalizer && jumpsOut(node)) heavy.add(node);
  };
  visit(task.body);
  return { suspends, heavy };
}

/** Does control leave `node` other than by its end or an exception? */
export function jumpsOut(node: Node): boolean {
  const visit = (each: Node, labels: readonly string[], loops: boolean, breakable: boolean): boolean => {
    switch (each.type) {
      case "ReturnStatement":
        return true;
      case "BreakStatement":
        return each.label ? !labels.includes(each.label.name) : !breakable;
      case "ContinueStatement":
        return each.label ? !labels.includes(each.label.name) : !loops;
      case "LabeledStatement":
        return visit(each.body, [...labels, each.label.name], loops, breakable);
      default:
        break;
    }
    if (isFunction(each)) return false;
    const isLoop = isLoopNode(each);
    let found = false;
    forEachChild(each, (child) => {
      found ||= visit(child, labels, loops || isLoop, breakable || isLoop || each.type === "SwitchStatement");
    });
    return found;
  };
  return visit(node, [], false, false);
}

export function isLoopNode(node: Node): boolean {
  switch (node.type) {
    case "ForStatement":
    case "ForInStatement":
    case "ForOfStatement":
    case "WhileStatement":
    case "DoWhileStatement":
      return true;
    default:
      return false;
  }
}
