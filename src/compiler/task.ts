/** One task function, from its body to its step function and what the machine must know about it. */
import { type FunctionNode, forEachChild, isFunction, walk } from "./ast.ts";
import type { Expression, Node, Statement } from "./babel.ts";
import { Builder } from "./builder.ts";
import { type FileContext, fail, freshName, placeOf, textOf } from "./context.ts";
import { emitStep } from "./emit.ts";
import { Flow } from "./flow.ts";
import { layOut } from "./layout.ts";
import { planStorage } from "./liveness.ts";
import { explodeBody } from "./statements.ts";

/** Position in the author's source; lines and columns count from 1. */
export interface SourcePoint {
  readonly line: number;
  readonly column: number;
  /** The statement on one line, at most 80 characters; the `yield*` alone when the statement is longer. */
  readonly text: string;
}

/** What the machine knows about a task function. */
export interface TaskMeta extends SourcePlaceOfTask {
  readonly name: string;
  readonly params: readonly string[];
  /** What each slot holds, in the author's words; parameters come first. */
  readonly slots: readonly string[];
  /** By label: the suspension after which it resumes; 0 is the head of the function. */
  readonly points: readonly SourcePoint[];
  /** Some loop contains a suspension. */
  readonly hasLoop: boolean;
}

interface SourcePlaceOfTask {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface CompiledTask {
  readonly meta: TaskMeta;
  readonly step: Expression;
  readonly straight: Statement | null;
  readonly before: readonly Statement[];
  readonly params: readonly string[];
}

/** Labels share a word with the number of the function. */
const maxLabels = 4096;

/** `names`: under which the step will find its own number, and under which it stands a second time. */
export function compileTask(
  task: FunctionNode,
  name: string,
  file: FileContext,
  names: { readonly straight: string; readonly code: string },
): CompiledTask {
  const statements = simpleStatements(file, task);
  const head = headOf(file, task);
  const b = new Builder(task, name, file);
  explodeBody(b);
  const layout = layOut(b.entry);
  if (layout.labels > maxLabels)
    fail(file.filename, task, "MF0310", {
      task: name,
      count: layout.labels,
      what: "suspension points",
      limit: maxLabels,
    });
  const flow = new Flow(b);
  const params = b.locals.filter((local) => local.param >= 0).sort((x, y) => x.param - y.param);
  nameLocals(b, flow);
  const storage = planStorage(flow, layout.blocks, params);
  const { step, straight, before } = emitStep(b, flow, layout, storage, params, names);
  const points: SourcePoint[] = [head];
  for (const block of layout.blocks)
    if (block.resumes !== null) points[block.label] = pointOf(file, block.resumes, statements.get(block.resumes));
  const { line, column } = head;
  const meta: TaskMeta = {
    name,
    file: file.filename,
    line,
    column,
    params: params.map((local) => local.display),
    slots: storage.slots,
    points,
    hasLoop: b.hasLoop,
  };
  return { meta, step, straight, before, params: params.map((local) => local.name) };
}

function pointOf(file: FileContext, node: Node, around: string | undefined): SourcePoint {
  const { line, column } = placeOf(file.filename, node);
  return { line, column, text: around ?? textOf(file.source, node) };
}

function headOf(file: FileContext, task: FunctionNode): SourcePoint {
  const { line, column } = placeOf(file.filename, task);
  const to = task.body.start ?? task.start ?? 0;
  const text = textOf(file.source, { ...task, end: to } as Node);
  return { line, column, text };
}

/** Text of the simple statement around each `yield*`, when it is short enough to be shown whole. */
function simpleStatements(file: FileContext, task: FunctionNode): Map<Node, string> {
  const found = new Map<Node, string>();
  const visit = (node: Node, around: string | undefined): void => {
    if (isFunction(node)) return;
    let text = around;
    switch (node.type) {
      case "ExpressionStatement":
      case "VariableDeclaration":
      case "ReturnStatement":
      case "ThrowStatement": {
        const whole = textOf(file.source, node, 82).replace(/;$/, "");
        text = whole.length <= 80 ? whole : undefined;
        break;
      }
      case "YieldExpression":
        if (text !== undefined) found.set(node, text);
        break;
      default:
        break;
    }
    forEachChild(node, (child) => visit(child, text));
  };
  visit(task.body, undefined);
  return found;
}

/**
 * Names of the author are kept where possible. A local is renamed when another one of the step has its name, or when the
 * task also means something outside of it by that name: blocks no longer keep them apart.
 */
function nameLocals(b: Builder, flow: Flow): void {
  const { bindingOf, globals, taken } = b.file.names;
  const inside = new Set<Node>([b.task]);
  walk(b.task, (each) => {
    if (isFunction(each)) inside.add(each);
    return true;
  });
  const used = new Set<string>();
  walk(b.task, (each) => {
    if (each.type !== "Identifier") return true;
    b.localOf(each);
    const binding = bindingOf.get(each);
    if (binding !== undefined && !(binding.scope.fn !== null && inside.has(binding.scope.fn))) used.add(binding.name);
    return true;
  });
  for (const local of b.locals) {
    if (local.binding === null) continue;
    const lifted = local.remade && ![...flow.capturedBy(local)].some((each) => !each.remade);
    if (lifted || used.has(local.display) || globals.has(local.display)) local.name = freshName(taken, local.display);
    used.add(local.name);
  }
}
