/** Statements that are kept whole: only the jumps that lead out of them are rewritten. */
import { call, id, isFunction, replaceChildren, statement } from "./ast.ts";
import type { Node, Statement } from "./babel.ts";
import type { Builder } from "./builder.ts";
import type { Exit } from "./cfg.ts";
import { isLoopNode } from "./heavy.ts";

export function keepWhole(b: Builder, node: Statement, labels: readonly string[]): void {
  b.keepNative(node);
  const exits: Exit[] = [];
  let kept: Statement = node;
  for (const label of labels.toReversed()) kept = { type: "LabeledStatement", label: id(label), body: kept };
  kept = rewriteJumps(b, kept, [], false, false, exits) as Statement;
  b.emit(kept, exits);
}

function rewriteJumps(
  b: Builder,
  node: Node,
  labels: readonly string[],
  inLoop: boolean,
  inSwitch: boolean,
  exits: Exit[],
): Node {
  switch (node.type) {
    case "ReturnStatement":
      return b.nativeReturn(node.argument ?? null, node, exits);
    case "BreakStatement":
    case "ContinueStatement": {
      const isContinue = node.type === "ContinueStatement";
      const label = node.label?.name;
      if (label !== undefined ? labels.includes(label) : inLoop || (inSwitch && !isContinue)) return node;
      const { before, to } = b.jumpOut(b.targetOf(node, label, isContinue));
      return b.exit(before, to, exits);
    }
    default:
      break;
  }
  if (isFunction(node)) return node;
  const inner = node.type === "LabeledStatement" ? [...labels, node.label.name] : labels;
  const isLoop = isLoopNode(node);
  replaceChildren(node, (child) =>
    rewriteJumps(b, child, inner, inLoop || isLoop, inSwitch || node.type === "SwitchStatement", exits),
  );
  return node;
}

/** The machine's own exceptions pass through every catch clause of the file that is not the compiler's own. */
export function passMachineErrors(
  program: Node,
  { rethrow, fell }: { readonly rethrow: string; readonly fell: string },
  fresh: () => string,
): void {
  const visit = (node: Node): Node => {
    if (node.type === "CatchClause" && !startsWith(node.body.body[0], rethrow, fell)) {
      const error = fresh();
      const body = node.body.body;
      if (node.param && node.param.type !== "Identifier") {
        const pattern = node.param;
        body.unshift({
          type: "VariableDeclaration",
          kind: "let",
          declarations: [{ type: "VariableDeclarator", id: pattern, init: id(error) }],
        });
        node.param = id(error);
      }
      node.param ??= id(error);
      body.unshift(statement(call(id(rethrow), id(node.param.type === "Identifier" ? node.param.name : error))));
    }
    replaceChildren(node, visit);
    return node;
  };
  visit(program);
}

function startsWith(first: Statement | undefined, ...names: string[]): boolean {
  const does =
    first?.type === "ExpressionStatement"
      ? first.expression
      : first?.type === "ThrowStatement"
        ? first.argument
        : undefined;
  return does?.type === "CallExpression" && does.callee.type === "Identifier" && names.includes(does.callee.name);
}
