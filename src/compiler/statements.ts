/**
 * Turns the body of a task function into blocks. A statement that neither suspends nor needs it is kept whole; the
 * others are taken apart, and their local names become variables of the step.
 */
import { assign, binary, call, id, index, member, num, statement, undefinedValue, walk } from "./ast.ts";
import type {
  CatchClause,
  Expression,
  ForOfStatement,
  ForStatement,
  LVal,
  Node,
  Statement,
  SwitchStatement,
  TryStatement,
  VariableDeclaration,
} from "./babel.ts";
import type { Breakable, Builder, Finally } from "./builder.ts";
import { isConstant } from "./builder.ts";
import type { Block, Region } from "./cfg.ts";
import { fail, textOf } from "./context.ts";
import { explode, explodeCondition, explodeForEffect } from "./expressions.ts";
import { jumpsOut } from "./heavy.ts";
import { keepWhole } from "./native.ts";

/** The whole body; afterwards `b.entry` leads to all blocks. */
export function explodeBody(b: Builder): void {
  const { params, body } = b.task;
  for (const each of params) explodeParameter(b, each as LVal);
  if (body.type !== "BlockStatement") return;
  explodeAll(b, body.body);
  b.emitReturn(null, null);
}

/** Default values and patterns; a plain parameter is already in its slot. */
function explodeParameter(b: Builder, node: LVal): void {
  if (node.type === "Identifier") {
    b.localOf(node);
    return;
  }
  const isPattern = node.type !== "AssignmentPattern" || node.left.type !== "Identifier";
  const target = node.type === "AssignmentPattern" ? (node.left as LVal) : node;
  const position = (b.task.params as Node[]).indexOf(node);
  const local = isPattern ? b.newLocal("$p", textOf(b.file.source, target, 40), position) : b.localOf(target);
  if (local === undefined) return;
  if (node.type === "AssignmentPattern") {
    const isMissing = binary("===", b.ref(local), undefinedValue());
    const given = statement(assign(b.ref(local), node.right), node);
    b.emit({ type: "IfStatement", test: isMissing, consequent: given, alternate: null });
  }
  if (isPattern) b.emit(statement(assign(target, b.ref(local)), node));
}

export function explodeAll(b: Builder, nodes: readonly Statement[]): void {
  for (const each of nodes) noteFunction(b, each);
  for (const each of nodes) explodeStatement(b, each, []);
}

/** Function declarations are made at the beginning of each step, as they are hoisted in JavaScript. */
function noteFunction(b: Builder, node: Statement): void {
  if (node.type !== "FunctionDeclaration" || !node.id) return;
  const local = b.localOf(node.id);
  if (local === undefined) return;
  if (local.remade) b.remade.set(local, node);
  else b.emit(statement(assign(b.ref(local), { ...node, type: "FunctionExpression" }), node));
}

function explodeStatement(b: Builder, node: Statement, labels: readonly string[]): void {
  switch (node.type) {
    case "EmptyStatement":
    case "FunctionDeclaration":
      return;
    case "VariableDeclaration":
      return explodeDeclaration(b, node);
    case "ClassDeclaration": {
      if (b.suspends.has(node)) return b.unsupported(node, "inside a class");
      if (!node.id) return;
      b.noteLoopLocal(b.file.names.bindingOf.get(node.id));
      return b.emit(statement(assign(node.id, { ...node, type: "ClassExpression", id: null }), node));
    }
    case "ExpressionStatement":
      return explodeForEffect(b, node.expression, node);
    case "ReturnStatement":
      return b.emitReturn(node.argument ? explode(b, node.argument) : null, node);
    case "ThrowStatement":
      b.emit({ ...node, argument: explode(b, node.argument) });
      return b.finish({ kind: "stop" });
    case "BreakStatement":
    case "ContinueStatement":
      return b.emitJump(b.targetOf(node, node.label?.name, node.type === "ContinueStatement"));
    case "BlockStatement":
      if (b.heavy.has(node) || jumpsOut(node)) return explodeAll(b, node.body);
      break;
    case "LabeledStatement":
      if (b.heavy.has(node) || jumpsOut(node)) return explodeLabeled(b, node.body, [...labels, node.label.name]);
      break;
    case "IfStatement":
      if (b.heavy.has(node) || jumpsOut(node)) {
        const [yes, no, end] = [b.newBlock(), b.newBlock(), b.newBlock()];
        explodeCondition(b, node.test, yes, node.alternate ? no : end);
        b.place(yes);
        explodeStatement(b, node.consequent, []);
        if (node.alternate) {
          b.finish({ kind: "jump", to: end });
          b.place(no);
          explodeStatement(b, node.alternate, []);
        }
        return b.place(end);
      }
      break;
    case "TryStatement":
      if (b.heavy.has(node)) return explodeTry(b, node);
      break;
    default:
      if (b.heavy.has(node)) return explodeBreakable(b, node, labels);
  }
  keepWhole(b, node, labels);
}

/** A labelled statement that is no loop: only `break label` leads out of it. */
function explodeLabeled(b: Builder, node: Statement, labels: readonly string[]): void {
  if (node.type === "LabeledStatement" || node.type.startsWith("For") || node.type.endsWith("WhileStatement"))
    return explodeStatement(b, node, labels);
  const end = b.newBlock();
  within(b, { kind: "label", labels, breakTo: end, continueTo: null }, () => explodeStatement(b, node, []));
  b.place(end);
}

function within(b: Builder, context: Breakable | Finally, body: () => void): void {
  b.contexts.push(context);
  if (context.kind === "loop") b.loopDepth++;
  body();
  if (context.kind === "loop") b.loopDepth--;
  b.contexts.pop();
}

function explodeDeclaration(b: Builder, node: VariableDeclaration): void {
  for (const each of node.declarations) {
    const target = each.id as LVal;
    if (b.suspends.has(target)) return b.unsupported(target, "inside a pattern");
    walk(target, (one) => {
      b.noteLoopLocal(b.file.names.bindingOf.get(one));
      return true;
    });
    if (!each.init) {
      // A `let` without a value begins anew each time that it is reached; a `var` keeps what it has.
      if (node.kind !== "var") b.emit(statement(assign(target, undefinedValue()), each));
      continue;
    }
    const local = target.type === "Identifier" ? b.localOf(target) : undefined;
    if (local?.remade) {
      b.remade.set(local, { ...node, kind: "const", declarations: [each] });
      continue;
    }
    const value = explode(b, each.init);
    b.emit(statement(assign(target, value), each));
  }
}

function explodeBreakable(b: Builder, node: Statement, labels: readonly string[]): void {
  switch (node.type) {
    case "ForStatement":
      return explodeFor(b, node, labels);
    case "WhileStatement":
    case "DoWhileStatement": {
      const [test, body, end] = [b.newBlock(), b.newBlock(), b.newBlock()];
      const context: Breakable = { kind: "loop", labels, breakTo: end, continueTo: test };
      if (node.type === "DoWhileStatement") {
        b.place(body);
        within(b, context, () => explodeStatement(b, node.body, []));
        b.place(test);
        within(b, context, () => explodeCondition(b, node.test, body, end));
      } else {
        b.place(test);
        within(b, context, () => explodeCondition(b, node.test, body, end));
        b.place(body);
        within(b, context, () => explodeStatement(b, node.body, []));
        b.finish({ kind: "jump", to: test });
      }
      return b.place(end);
    }
    case "ForOfStatement":
      return explodeForOf(b, node, labels);
    case "ForInStatement":
      return fail(b.file.filename, node, "MF0316", { task: b.taskName });
    case "SwitchStatement":
      return explodeSwitch(b, node, labels);
    default:
      return b.unsupported(node, "in this kind of statement");
  }
}

function explodeFor(b: Builder, node: ForStatement, labels: readonly string[]): void {
  const [test, body, update, end] = [b.newBlock(), b.newBlock(), b.newBlock(), b.newBlock()];
  if (node.init?.type === "VariableDeclaration") explodeDeclaration(b, node.init);
  else if (node.init) explodeForEffect(b, node.init);
  const context: Breakable = { kind: "loop", labels, breakTo: end, continueTo: update };
  b.place(test);
  within(b, context, () => {
    if (node.test) explodeCondition(b, node.test, body, end);
    else b.finish({ kind: "jump", to: body });
    b.place(body);
    explodeStatement(b, node.body, []);
    b.place(update);
    if (node.update) explodeForEffect(b, node.update);
    b.finish({ kind: "jump", to: test });
  });
  b.place(end);
}

/** Over arrays only: an index survives a suspension, an iterator does not. The array is looked at again each time. */
function explodeForOf(b: Builder, node: ForOfStatement, labels: readonly string[]): void {
  if (node.await) return b.unsupported(node, "inside for await");
  const text = textOf(b.file.source, node.right, 40);
  const checked = (array: Expression): Expression => call(id(b.file.runtime.list), array);
  let array: () => Expression;
  if (isFixedName(b, node.right)) {
    b.emit(statement(checked(copyOfName(b, node.right)), node.right));
    array = () => copyOfName(b, node.right);
  } else {
    const kept = b.newLocal("$a", `(of ${text})`);
    b.emit(statement(assign(b.ref(kept), checked(explode(b, node.right))), node.right));
    array = () => b.ref(kept);
  }
  const i = b.newLocal("$i", `(index of ${text})`);
  b.emit(statement(assign(b.ref(i), num(0))));
  const [test, body, update, end] = [b.newBlock(), b.newBlock(), b.newBlock(), b.newBlock()];
  b.place(test);
  within(b, { kind: "loop", labels, breakTo: end, continueTo: update }, () => {
    b.branch(binary("<", b.ref(i), member(array(), "length")), body, end);
    b.place(body);
    const left = node.left.type === "VariableDeclaration" ? node.left.declarations[0]?.id : node.left;
    if (!left || b.suspends.has(left)) b.unsupported(node.left, "inside a pattern");
    if (node.left.type === "VariableDeclaration")
      walk(left, (one) => {
        b.noteLoopLocal(b.file.names.bindingOf.get(one));
        return true;
      });
    b.emit(statement(assign(left as LVal, index(array(), b.ref(i))), node.left));
    explodeStatement(b, node.body, []);
    b.place(update);
    b.emit(statement({ type: "UpdateExpression", operator: "++", prefix: false, argument: b.ref(i) }));
    b.finish({ kind: "jump", to: test });
  });
  b.place(end);
}

function isFixedName(b: Builder, node: Expression): boolean {
  if (node.type !== "Identifier") return false;
  const binding = b.file.names.bindingOf.get(node);
  return binding !== undefined && isConstant(binding);
}

function copyOfName(b: Builder, node: Expression): Expression {
  const local = b.localOf(node);
  if (local !== undefined) return b.ref(local);
  const copy = { ...node };
  const binding = b.file.names.bindingOf.get(node);
  if (binding !== undefined) b.file.names.bindingOf.set(copy, binding);
  return copy;
}

function explodeSwitch(b: Builder, node: SwitchStatement, labels: readonly string[]): void {
  const end = b.newBlock();
  const bodies = node.cases.map(() => b.newBlock());
  const bodyOf = (i: number): Block => bodies[i] ?? end;
  const fallback = bodyOf(node.cases.findIndex((each) => !each.test));
  for (const each of node.cases) for (const one of each.consequent) noteFunction(b, one);
  const value = explode(b, node.discriminant);
  if (node.cases.some((each) => each.test && b.suspends.has(each.test))) {
    const kept = b.keep(value, `(switch ${textOf(b.file.source, node.discriminant, 40)})`);
    const local = b.localOf(kept);
    node.cases.forEach((each, i) => {
      if (!each.test || local === undefined) return;
      const next = b.newBlock();
      b.branch(binary("===", b.ref(local), explode(b, each.test)), bodyOf(i), next);
      b.place(next);
    });
    b.finish({ kind: "jump", to: fallback });
  } else {
    const cases = node.cases.flatMap((each, i) => (each.test ? [{ test: each.test, to: bodyOf(i) }] : []));
    b.finish({ kind: "switch", value, cases, otherwise: fallback });
  }
  within(b, { kind: "switch", labels, breakTo: end, continueTo: null }, () => {
    node.cases.forEach((each, i) => {
      b.place(bodyOf(i));
      for (const one of each.consequent) explodeStatement(b, one, []);
    });
  });
  b.place(end);
}

/**
 *   try ──exception──▶ catch ──exception──▶ finally (how = 1, value = it)
 *    └──── end, return, jump ──────────────▶ finally (how = 0, 2, 3…) ──▶ goes on as `how` says
 */
function explodeTry(b: Builder, node: TryStatement): void {
  const outside = b.region;
  const end = b.newBlock();
  let last: Finally | null = null;
  if (node.finalizer) {
    last = {
      kind: "finally",
      block: b.newBlock(),
      how: b.newLocal("$h", "(completion)"),
      value: b.newLocal("$c", "(completion value)"),
      returns: false,
      jumps: [],
    };
    b.contexts.push(last);
    b.region = {
      parent: outside,
      handler: last.block,
      bind: [
        { local: last.value, value: "exception" },
        { local: last.how, value: 1 },
      ],
    };
  }
  const aroundCatch = b.region;
  const afterBody = b.newBlock();
  if (node.handler) explodeCatch(b, node, node.handler, aroundCatch, afterBody);
  else {
    b.place(b.newBlock());
    explodeAll(b, node.block.body);
  }
  b.place(afterBody);
  if (last !== null && node.finalizer) {
    b.complete({ context: last, how: 0, value: num(0) });
    b.contexts.pop();
    b.region = outside;
    b.place(last.block);
    explodeAll(b, node.finalizer.body);
    completeFinally(b, last, end);
  }
  b.region = outside;
  b.place(end);
}

function explodeCatch(b: Builder, node: TryStatement, handler: CatchClause, around: Region | null, end: Block): void {
  const caught = b.newBlock();
  const exception = b.newLocal("$x", "(exception)");
  b.region = { parent: around, handler: caught, bind: handler.param ? [{ local: exception, value: "exception" }] : [] };
  b.place(b.newBlock());
  explodeAll(b, node.block.body);
  b.finish({ kind: "jump", to: end });
  b.region = around;
  b.place(caught);
  if (handler.param) b.emit(statement(assign(handler.param as LVal, b.ref(exception)), handler.param));
  explodeAll(b, handler.body.body);
}

function completeFinally(b: Builder, last: Finally, end: Block): void {
  const cases: { test: Expression; to: Block }[] = [{ test: num(1), to: b.newBlock() }];
  if (last.returns) cases.push({ test: num(2), to: b.newBlock() });
  last.jumps.forEach((_, n) => {
    cases.push({ test: num(3 + n), to: b.newBlock() });
  });
  b.finish({ kind: "switch", value: b.ref(last.how), cases, otherwise: end });
  const targets = cases.map((each) => each.to);
  const begin = (): void => b.place(targets.shift() ?? end);
  begin();
  b.emit({ type: "ThrowStatement", argument: b.ref(last.value) });
  b.finish({ kind: "stop" });
  if (last.returns) {
    begin();
    b.emitReturn(b.ref(last.value), null);
  }
  for (const jump of last.jumps) {
    begin();
    b.emitJump(jump);
  }
}
