/**
 * Takes expressions apart that contain a `yield*`. Each function emits what must happen first and answers an expression
 * for the rest, to be evaluated exactly once, next, by the caller.
 */
import { assign, binary, call, id, not, statement, undefinedValue, walk } from "./ast.ts";
import type { CallExpression, Expression, MemberExpression, Node, YieldExpression } from "./babel.ts";
import type { Builder } from "./builder.ts";
import type { Block } from "./cfg.ts";
import { fail, textOf } from "./context.ts";
import { untilTest } from "./until.ts";

/** A place in a syntax tree that holds an operand. */
interface Operand {
  readonly node: Expression;
  set(node: Expression): void;
}

export function explode(b: Builder, node: Expression): Expression {
  if (!b.suspends.has(node)) return node;
  switch (node.type) {
    case "YieldExpression":
      return explodeYield(b, node);
    case "AssignmentExpression":
      return explodeAssignment(b, node);
    case "LogicalExpression":
      return explodeChoice(b, (result) => {
        const left = explode(b, node.left);
        b.emit(statement(assign(b.ref(result), left)));
        const test =
          node.operator === "??" ? binary("==", b.ref(result), { type: "NullLiteral" }) : (b.ref(result) as Expression);
        return { test: node.operator === "||" ? not(test) : test, yes: node.right, no: null };
      });
    case "ConditionalExpression":
      return explodeChoice(b, () => ({ test: node.test, yes: node.consequent, no: node.alternate }));
    case "SequenceExpression": {
      for (const each of node.expressions.slice(0, -1)) explodeForEffect(b, each);
      return explode(b, node.expressions.at(-1) ?? undefinedValue());
    }
    case "CallExpression":
    case "NewExpression":
      operands(b, [...calleeOperands(b, node), ...listOperands(node.arguments)]);
      return node;
    case "OptionalCallExpression":
    case "OptionalMemberExpression":
      return explodeOptional(b, node);
    case "MemberExpression":
      operands(b, memberOperands(b, node));
      return node;
    case "BinaryExpression":
      if (node.left.type === "PrivateName") return b.unsupported(node, "beside a private name");
      operands(b, [field(node, "left"), field(node, "right")]);
      return node;
    case "UnaryExpression":
      if (node.operator === "delete" && node.argument.type === "MemberExpression")
        operands(b, memberOperands(b, node.argument));
      else operands(b, [field(node, "argument")]);
      return node;
    case "UpdateExpression":
      if (node.argument.type === "MemberExpression") operands(b, memberOperands(b, node.argument));
      return node;
    case "TemplateLiteral":
      operands(b, listOperands(node.expressions as Expression[]));
      return node;
    case "TaggedTemplateExpression":
      operands(b, [...calleeOperands(b, node), ...listOperands(node.quasi.expressions as Expression[])]);
      return node;
    case "ArrayExpression":
      operands(b, listOperands(node.elements));
      return node;
    case "ObjectExpression":
      operands(b, objectOperands(node));
      return node;
    default:
      return b.unsupported(node, "in this kind of expression");
  }
}

/** Emits the expression for what it does; its value is dropped. */
export function explodeForEffect(b: Builder, node: Expression, at: Node = node): void {
  const rest = explode(b, node);
  if (rest.type !== "Identifier" || rest === node) b.emit(statement(rest, at));
}

/** Branches on `test`, which may suspend. */
export function explodeCondition(b: Builder, test: Expression, yes: Block, no: Block): void {
  if (b.suspends.has(test)) {
    if (test.type === "LogicalExpression" && test.operator !== "??") {
      const right = b.newBlock();
      if (test.operator === "&&") explodeCondition(b, test.left, right, no);
      else explodeCondition(b, test.left, yes, right);
      b.place(right);
      return explodeCondition(b, test.right, yes, no);
    }
    if (test.type === "UnaryExpression" && test.operator === "!") return explodeCondition(b, test.argument, no, yes);
  }
  b.branch(explode(b, test), yes, no);
}

function explodeYield(b: Builder, node: YieldExpression): Expression {
  const argument = node.argument;
  const test = argument ? untilTest(b, argument) : null;
  if (test !== null) {
    const owner = (argument as CallExpression).arguments[1];
    const hint = owner === undefined ? [] : [explode(b, owner as Expression)];
    return b.suspend(call(id(b.file.runtime.awaitPoint), ...hint), node, test);
  }
  switch (argument?.type) {
    case "CallExpression":
      return b.suspend(explode(b, argument), node);
    case "ConditionalExpression": {
      const delegate = (each: Expression): Expression => {
        const made: YieldExpression = { ...node, argument: each };
        b.suspends.add(made);
        return made;
      };
      const { test: condition, consequent, alternate } = argument;
      return explodeChoice(b, () => ({ test: condition, yes: delegate(consequent), no: delegate(alternate) }));
    }
    default:
      return fail(b.file.filename, node, "MF0312", { task: b.taskName });
  }
}

interface Choice {
  readonly test: Expression;
  readonly yes: Expression;
  /** null: the result stays as it is. */
  readonly no: Expression | null;
}

/** `test ? yes : no` into one temporary. */
function explodeChoice(b: Builder, choose: (result: ReturnType<Builder["newLocal"]>) => Choice): Expression {
  const result = b.newLocal("$t", "(choice)");
  const { test, yes, no } = choose(result);
  const [whenTrue, whenFalse, end] = [b.newBlock(), b.newBlock(), b.newBlock()];
  explodeCondition(b, test, whenTrue, no === null ? end : whenFalse);
  b.place(whenTrue);
  b.emit(statement(assign(b.ref(result), explode(b, yes))));
  if (no !== null) {
    b.finish({ kind: "jump", to: end });
    b.place(whenFalse);
    b.emit(statement(assign(b.ref(result), explode(b, no))));
  }
  b.place(end);
  return b.ref(result);
}

function explodeAssignment(b: Builder, node: Expression & { type: "AssignmentExpression" }): Expression {
  const { left, operator } = node;
  if (left.type !== "Identifier" && left.type !== "MemberExpression") {
    if (b.suspends.has(left)) return b.unsupported(left, "inside a pattern");
    node.right = explode(b, node.right);
    return node;
  }
  if (operator === "=") {
    const target = left.type === "MemberExpression" ? memberOperands(b, left) : [];
    operands(b, [...target, field(node, "right")]);
    return node;
  }
  if (left.type === "MemberExpression") pin(b, left, [node.right]);
  const old = (): Expression => duplicate(b, left);
  if (operator === "&&=" || operator === "||=" || operator === "??=") {
    return explodeChoice(b, (result) => {
      b.emit(statement(assign(b.ref(result), old())));
      const value = b.ref(result);
      const test: Expression =
        operator === "??=" ? binary("==", value, { type: "NullLiteral" }) : operator === "||=" ? not(value) : value;
      const yes = assign(duplicate(b, left) as MemberExpression, node.right);
      b.suspends.add(yes);
      return { test, yes, no: null };
    });
  }
  const sum: Expression = {
    type: "BinaryExpression",
    operator: operator.slice(0, -1) as "+",
    left: old(),
    right: node.right,
  };
  operands(b, [field(sum, "left"), field(sum, "right")]);
  return assign(left, sum);
}

/** Makes the object and the key of a member expression safe to be evaluated again, after `later`. */
function pin(b: Builder, node: MemberExpression, later: readonly Node[]): void {
  const all = memberOperands(b, node);
  for (const [i, each] of all.entries()) {
    const rest = explode(b, each.node);
    const following = [...all.slice(i + 1).map((one) => one.node), ...later];
    each.set(isStable(b, rest, following) ? rest : b.keep(rest, nameOf(b, each.node)));
  }
}

/** A second copy of a pinned target. */
function duplicate(b: Builder, node: Expression): Expression {
  const local = b.localOf(node);
  if (local !== undefined) return b.ref(local);
  const copy = { ...node };
  if (copy.type === "MemberExpression") {
    copy.object = duplicate(b, copy.object as Expression);
    if (copy.computed) copy.property = duplicate(b, copy.property as Expression);
  }
  const binding = b.file.names.bindingOf.get(node);
  if (binding !== undefined) b.file.names.bindingOf.set(copy, binding);
  return copy;
}

/** `a?.b(yield* c())`: the links of the chain one after the other, leaving it where a link is missing. */
function explodeOptional(b: Builder, node: Expression): Expression {
  const result = b.newLocal("$t", "(chain)");
  const [missing, end] = [b.newBlock(), b.newBlock()];
  const leaveIfMissing = (value: Expression): void => {
    const present = b.newBlock();
    b.branch(binary("==", value, { type: "NullLiteral" }), missing, present);
    b.place(present);
  };
  const link = (each: Expression, later: readonly Node[]): Expression => {
    if (each.type === "OptionalMemberExpression") {
      let object = link(each.object, [each.property, ...later]);
      if (each.optional || !isStable(b, object, [each.property, ...later])) object = b.keep(object);
      if (each.optional) leaveIfMissing(duplicate(b, object));
      const property = each.computed ? explode(b, each.property as Expression) : each.property;
      return { type: "MemberExpression", object, property, computed: each.computed };
    }
    if (each.type === "OptionalCallExpression") {
      const following = [...each.arguments, ...later];
      const callee = link(each.callee, following);
      if (callee.type === "MemberExpression") pin(b, callee, following);
      if (each.optional) leaveIfMissing(duplicate(b, callee));
      const made = call(callee, ...(each.arguments as Expression[]));
      operands(b, listOperands(made.arguments));
      return made;
    }
    const rest = explode(b, each);
    return rest.type === "MemberExpression" || isStable(b, rest, later) ? rest : b.keep(rest);
  };
  const value = link(node, []);
  b.emit(statement(assign(b.ref(result), value)));
  b.finish({ kind: "jump", to: end });
  b.place(missing);
  b.emit(statement(assign(b.ref(result), undefinedValue())));
  b.place(end);
  return b.ref(result);
}

/** Evaluates operands in order, so that none of them is late when a later one suspends. */
function operands(b: Builder, all: readonly Operand[]): void {
  const last = all.findLastIndex((each) => b.suspends.has(each.node));
  all.forEach((each, i) => {
    if (i > last) return;
    const rest = explode(b, each.node);
    const later = all.slice(i + 1).map((one) => one.node);
    each.set(i === last || isStable(b, rest, later) ? rest : b.keep(rest, nameOf(b, each.node)));
  });
}

/** Does the expression mean the same after `later` has been evaluated, suspensions included? */
function isStable(b: Builder, node: Expression, later: readonly Node[]): boolean {
  switch (node.type) {
    case "NumericLiteral":
    case "StringLiteral":
    case "BooleanLiteral":
    case "NullLiteral":
    case "BigIntLiteral":
    case "ArrowFunctionExpression":
    case "FunctionExpression":
    case "Super":
      return true;
    case "TemplateLiteral":
      return node.expressions.length === 0;
    case "UnaryExpression":
      return ["!", "typeof", "void", "-"].includes(node.operator) && isLiteralOrName(node.argument)
        ? isStable(b, node.argument, later)
        : false;
    case "Identifier": {
      if (node.name === b.file.runtime.v) return false;
      const local = b.localOf(node);
      if (local === undefined) return true;
      if (local.closureWritten) return false;
      let written = false;
      for (const each of later)
        walk(each, (one) => {
          written ||= b.localOf(one) === local && b.isWrite(one);
          return !written;
        });
      return !written;
    }
    default:
      return false;
  }
}

/** What a report calls the kept value of an operand. */
function nameOf(b: Builder, node: Node): string {
  return `(${textOf(b.file.source, node, 40) || "value"})`;
}

function isLiteralOrName(node: Expression): boolean {
  return node.type === "NumericLiteral" || node.type === "Identifier";
}

function field<Key extends string>(owner: Record<Key, unknown> | object, key: Key): Operand {
  const record = owner as Record<Key, Expression>;
  return {
    node: record[key],
    set: (node) => {
      record[key] = node;
    },
  };
}

function listOperands(list: (Node | null)[]): Operand[] {
  return list.flatMap((each, i) => {
    if (each === null) return [];
    if (each.type === "SpreadElement") return [field(each, "argument")];
    return [
      {
        node: each as Expression,
        set: (node: Expression) => {
          list[i] = node;
        },
      },
    ];
  });
}

function memberOperands(b: Builder, node: MemberExpression): Operand[] {
  if (node.object.type === "Super") return b.unsupported(node, "beside super");
  return node.computed ? [field(node, "object"), field(node, "property")] : [field(node, "object")];
}

/** The method itself is looked up when it is called: only its object and key are evaluated before the arguments. */
function calleeOperands(b: Builder, node: Expression): Operand[] {
  const key = node.type === "TaggedTemplateExpression" ? "tag" : "callee";
  const callee = field(node, key);
  if (callee.node.type === "Import") return b.unsupported(node, "inside import()");
  return callee.node.type === "MemberExpression" ? memberOperands(b, callee.node) : [callee];
}

function objectOperands(node: Expression & { type: "ObjectExpression" }): Operand[] {
  return node.properties.flatMap((each) => {
    if (each.type === "SpreadElement") return [field(each, "argument")];
    const key = each.computed ? [field(each, "key")] : [];
    if (each.type === "ObjectMethod") return key;
    each.shorthand = false;
    return [...key, field(each, "value")];
  });
}
