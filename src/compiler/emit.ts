/**
 * Prints the blocks of a task function as its step function:
 *
 *   ($W, $f, $l, $v) => {
 *     var …locals;
 *     for (;;) switch ($l) {
 *       case 0: …loads…
 *         …code…
 *         $W[$f] = … | 1;
 *         $v = next task function or primitive(…);
 *         …stores…
 *         return $v;
 *       case 1: …loads…
 *         …
 *         return $leave($f, …);
 *     }
 *   }
 *
 * What the step answers counts on machines that run sequentially only: the result of what it called or of the function
 * itself, or `$waiting`. The loop is there only when some case is jumped to other than by falling into it.
 */
import {
  assign,
  binary,
  block as blockNode,
  call,
  conditional,
  declare,
  id,
  ifThen,
  index,
  located,
  not,
  num,
  statement,
  str,
  undefinedValue,
  walk,
} from "./ast.ts";
import type { Expression, Node, Statement, SwitchCase } from "./babel.ts";
import type { Builder } from "./builder.ts";
import type { Block, Local, Region } from "./cfg.ts";
import type { Flow } from "./flow.ts";
import type { Layout } from "./layout.ts";
import type { Storage } from "./liveness.ts";
import { emitStraight } from "./straight.ts";

/** Words of a frame before its slots. */
const firstSlot = 2;

export interface StepCode {
  readonly step: Expression;
  /** The function that sequential machines call; null if the step has to be used there too. */
  readonly straight: Statement | null;
  /** Functions that the step calls and that need nothing of a frame: to be declared before the step. */
  readonly before: Statement[];
}

export function emitStep(
  b: Builder,
  flow: Flow,
  layout: Layout,
  storage: Storage,
  params: readonly Local[],
  names: { readonly straight: string; readonly code: string },
): StepCode {
  const { W, f, label, v, w, loop } = b.file.runtime;
  const { code } = names;
  const { numberOf } = layout;
  let loops = false;

  const slotAt = (slot: number): Expression => index(id(W), binary("+", id(f), num(firstSlot + slot)));
  const load = (local: Local): Statement => {
    const word = assign(id(w), slotAt(storage.slotOf.get(local) ?? 0));
    const value = conditional(
      binary("&", word, num(1)),
      call(id(b.file.runtime.decode), id(w)),
      binary(">>", id(w), num(1)),
    );
    return statement(assign(b.ref(local), value));
  };
  const store = (slot: number, local: Local | null, point: number): Statement => {
    if (local === null) return statement(assign(slotAt(slot) as never, num(0)));
    const shifted = (): Expression => binary("<<", b.ref(local), num(1));
    const isNumber = binary(
      "===",
      { type: "UnaryExpression", operator: "typeof", prefix: true, argument: b.ref(local) },
      str("number"),
    );
    const fits = binary("===", binary(">>", shifted(), num(1)), b.ref(local));
    const slow = call(id(b.file.runtime.encode), b.ref(local), id(code), num(slot), num(point));
    const test: Expression = { type: "LogicalExpression", operator: "&&", left: isNumber, right: fits };
    return statement(assign(slotAt(slot) as never, conditional(test, shifted(), slow)));
  };
  const setLabel = (number: number | undefined): Statement => statement(assign(id(label), num(number ?? -1)));
  const again = (): Statement => {
    loops = true;
    return { type: "ContinueStatement", label: id(loop) };
  };
  const goto = (to: Block): Statement[] => [setLabel(numberOf.get(to)), again()];
  const stop = (at: Node | null = null, argument: Expression | null = null): Statement =>
    located({ type: "ReturnStatement", argument }, at);

  /** Leaves the step at a suspension, with what it calls. */
  function suspended(block: Block, resume: Block, calls: Expression, at: Node): Statement[] {
    const stores = (storage.stores.get(block) ?? []).map(({ slot, local }) => store(slot, local, resume.label));
    if (stores.length === 0) return [stop(at, calls)];
    return [statement(assign(id(v), calls), at), ...stores, stop(at, id(v))];
  }

  /** The code of a block and of the blocks that only it leads to; falls off its end only to go on with `next`. */
  function codeOf(block: Block, next: Block | null): Statement[] {
    const out: Statement[] = [];
    for (const item of block.items) {
      for (const exit of item.exits) exit.hole.body = goto(exit.to);
      out.push(item.statement);
    }
    const on = (to: Block, following: Block | null): Statement[] => {
      if (to === following) return [];
      return numberOf.has(to) ? goto(to) : codeOf(to, following);
    };
    const end = block.end;
    switch (end.kind) {
      case "jump":
        out.push(...on(end.to, next));
        break;
      case "branch": {
        const no = on(end.no, next);
        if (end.yes === next && no.length > 0) out.push(ifThen(not(end.test), blockNode(no)));
        else out.push(ifThen(end.test, blockNode(on(end.yes, null))), ...no);
        break;
      }
      case "switch": {
        const cases: SwitchCase[] = end.cases.map(({ test, to }) => ({
          type: "SwitchCase",
          test,
          consequent: on(to, null),
        }));
        out.push({ type: "SwitchStatement", discriminant: end.value, cases });
        out.push(...on(end.otherwise, next));
        break;
      }
      case "suspend": {
        const point = end.resume.label;
        // The label comes first: what goes wrong in the call is then reported at the call.
        const head = index(id(W), id(f));
        out.push(statement(assign(head, binary("|", binary("&", index(id(W), id(f)), num(-4096)), num(point)))));
        // Exceptions of what is called do not come by here: it must not be run from within this try statement.
        if (block.region !== null) out.push(statement(call(id(b.file.runtime.hold))));
        out.push(...suspended(block, end.resume, end.call, end.at));
        break;
      }
      case "return":
        out.push(stop(end.at, call(id(b.file.runtime.leave), id(f), end.value ?? undefinedValue())));
        break;
      default:
        break;
    }
    return out;
  }

  /** What must be loaded when the block is entered from outside. */
  const loadsOf = (block: Block): Statement[] => (storage.loads.get(block) ?? []).map(load);

  function casesOf(block: Block, next: Block | null): SwitchCase[] {
    const consequent = loadsOf(block);
    if (block.probe !== null) {
      const { probing, probe } = b.file.runtime;
      const answer = call(id(probe), not(not(block.probe)));
      consequent.push(ifThen(call(id(probing)), blockNode([statement(answer, block.resumes ?? undefined), stop()])));
    }
    const body = codeOf(block, next);
    if (block.region === null || body.every(cannotThrow)) consequent.push(...body);
    else consequent.push(guarded(block.region, body));
    return [{ type: "SwitchCase", test: num(numberOf.get(block) ?? -1), consequent }];
  }

  /** Exceptions go to the region's handler, those of the machine to the machine. */
  function guarded(region: Region, body: Statement[]): Statement {
    const error = b.file.runtime.error;
    const handler = [
      statement(call(id(b.file.runtime.rethrow), id(error))),
      ...region.bind.map(({ local, value }) =>
        statement(assign(b.ref(local), value === "exception" ? id(error) : num(value))),
      ),
      ...goto(region.handler),
    ];
    return {
      type: "TryStatement",
      block: blockNode(body),
      handler: { type: "CatchClause", param: id(error), body: blockNode(handler) },
      finalizer: null,
    };
  }

  // First, since it copies statements whose jumps are filled in differently here.
  const straight = emitStraight(b, layout.blocks, storage, flow, params, names);
  const cases = layout.order.flatMap((block, i) => casesOf(block, layout.order[i + 1] ?? null));
  const only = layout.order.length === 1 && !loops ? cases.at(-1) : undefined;
  if (loops) cases.push({ type: "SwitchCase", test: null, consequent: [stop()] });
  const dispatch: Statement = { type: "SwitchStatement", discriminant: id(label), cases };
  const body: Statement[] = only
    ? only.consequent
    : loops
      ? [
          {
            type: "LabeledStatement",
            label: id(loop),
            body: { type: "ForStatement", init: null, test: null, update: null, body: dispatch },
          },
        ]
      : [dispatch];
  const { inside, before } = splitRemade(b, flow, body);
  const step: Expression = {
    type: "ArrowFunctionExpression",
    params: [W, f, label, v].map(id),
    body: blockNode([...declarations(b, [...inside, ...body], w), ...inside, ...body]),
    async: false,
    expression: false,
  };
  for (const each of [step, ...before]) settleNames(b, each);
  return { step, straight, before };
}

/** Certain to raise no exception: it only moves values between locals. */
function cannotThrow(node: Node): boolean {
  switch (node.type) {
    case "ContinueStatement":
    case "Identifier":
    case "NumericLiteral":
    case "BooleanLiteral":
    case "StringLiteral":
    case "NullLiteral":
      return true;
    case "ExpressionStatement":
      return cannotThrow(node.expression);
    case "BlockStatement":
      return node.body.every(cannotThrow);
    case "IfStatement":
      return cannotThrow(node.test) && cannotThrow(node.consequent) && (!node.alternate || cannotThrow(node.alternate));
    case "AssignmentExpression":
      return node.operator === "=" && node.left.type === "Identifier" && cannotThrow(node.right);
    case "UnaryExpression":
      return (node.operator === "!" || node.operator === "void") && cannotThrow(node.argument);
    case "BinaryExpression":
      return (node.operator === "===" || node.operator === "!==") && cannotThrow(node.left) && cannotThrow(node.right);
    default:
      return false;
  }
}

/** Functions of the task that its code uses: those that read its locals are made in each step, the others once. */
function splitRemade(b: Builder, flow: Flow, body: readonly Statement[]): { inside: Statement[]; before: Statement[] } {
  const used = new Set<Local>();
  const note = (node: Node): void =>
    walk(node, (each) => {
      const local = each.type === "Identifier" ? b.localOf(each) : undefined;
      if (local?.remade && !used.has(local)) {
        used.add(local);
        const made = b.remade.get(local);
        if (made) note(made);
      }
      return true;
    });
  for (const each of body) note(each);
  const inside: Statement[] = [];
  const before: Statement[] = [];
  for (const [local, node] of b.remade) {
    if (!used.has(local)) continue;
    (flow.needsFrame(local) ? inside : before).push(node);
  }
  return { inside, before };
}

function declarations(b: Builder, body: readonly Statement[], w: string): Statement[] {
  const found = new Set<Local>();
  let loads = false;
  for (const each of body)
    walk(each, (node) => {
      if (node.type !== "Identifier") return true;
      const local = b.localOf(node);
      if (local === undefined) loads ||= node.name === w;
      else if (!local.remade && !b.copies.has(node)) found.add(local);
      return true;
    });
  const names = b.locals.filter((local) => found.has(local)).map((local): [string, null] => [local.name, null]);
  if (loads) names.push([w, null]);
  return names.length === 0 ? [] : [declare("var", ...names)];
}

/** Gives every identifier of a local its settled name. */
function settleNames(b: Builder, node: Node): void {
  walk(node, (each) => {
    if (each.type === "Identifier") {
      const local = b.localOf(each);
      if (local !== undefined) each.name = b.copies.get(each) ?? local.name;
    } else if (each.type === "ObjectProperty" && each.shorthand) {
      const value = each.value.type === "AssignmentPattern" ? each.value.left : each.value;
      each.shorthand = b.localOf(value) === undefined;
    }
    return true;
  });
}
