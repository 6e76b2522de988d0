/**
 * Prints the blocks of a task function a second time, for machines that run sequentially: as an ordinary function that
 * needs no frame as long as nothing waits, because what it calls answers with its result.
 *
 *   function $straight_name(…parameters) {
 *     var …locals, $l = 0;
 *     try {
 *       …code…
 *       $l = 1;
 *       if (($v = next task function or primitive(…)) === $waiting) return $kept($code_name, 1, […slots…]);
 *       …code…
 *       return …;
 *     } catch ($e) { throw $fell($code_name, $l, $e); }
 *   }
 *
 * A call that must wait unwinds them all, and each leaves behind what its frame would contain: the machine makes the
 * frames of that, and the step functions go on from there. `$l`, which costs nothing since only the handler reads it, is
 * where an exception came from.
 *
 * The blocks come from structured code, so they can be printed as structured code again: a block that several lead to
 * stands behind a labelled statement around all of those, and they break out of it; a block that is jumped back to becomes
 * a loop (N. Ramsey, Beyond Relooper, ICFP 2022). No dispatch is left: the engine sees plain loops and branches.
 */
import { assign, binary, block as blockNode, call, declare, id, ifThen, located, num, statement } from "./ast.ts";
import {
  type BlockStatement,
  childKeys,
  type Expression,
  type Node,
  type Statement,
  type SwitchCase,
} from "./babel.ts";
import type { Builder } from "./builder.ts";
import { type Block, type Local, nextBlocks } from "./cfg.ts";
import type { Flow } from "./flow.ts";
import type { Storage } from "./liveness.ts";

/** Null for functions that cannot go on within a call: those that catch what happens around a suspension. */
export function emitStraight(
  b: Builder,
  blocks: readonly Block[],
  storage: Storage,
  flow: Flow,
  params: readonly Local[],
  names: { readonly straight: string; readonly code: string },
): Statement | null {
  if (blocks.some((each) => each.region !== null)) return null;
  const shape = shapeOf(b.entry);
  if (shape === null) return null;
  const { v, label, error, waiting, kept, fell, loop } = b.file.runtime;
  const used = new Set<Local>();
  const copy = copier(b, used);
  const target = (to: Block): string => `${loop}${to.id}`;
  /** Blocks that are broken out to, in the place that is being printed. */
  const behind = new Set<Block>();

  /** The jump to a block that is not printed here; null for one that only this place leads to. */
  const jump = (from: Block, to: Block): Statement | null => {
    if (shape.isBack(from, to)) return { type: "ContinueStatement", label: id(target(to)) };
    return behind.has(to) ? { type: "BreakStatement", label: id(target(to)) } : null;
  };
  const goto = (from: Block, to: Block): Statement[] => {
    const jumps = jump(from, to);
    return jumps === null ? tree(to) : [jumps];
  };

  /** The block and all blocks that only it leads to. Control does not fall off the end. */
  function tree(first: Block): Statement[] {
    const out: Statement[] = [];
    for (let at: Block | null = first; at !== null; ) {
      const block: Block = at;
      const { joins, left } = shape?.childrenOf(block) ?? { joins: [], left: [] };
      if (!shape?.isLoop(block)) {
        if (joins.length === 0) {
          at = own(block, out);
          continue;
        }
        out.push(...outside(joins, () => whole(block)));
      } else {
        const body = (): Statement => blockNode(outside(joins, () => whole(block)));
        const loops = (): Statement => ({ type: "ForStatement", init: null, test: null, update: null, body: body() });
        out.push(...outside(left, () => [labelled(block, loops())]));
      }
      at = null;
    }
    return out;
  }

  const labelled = (block: Block, body: Statement): Statement => ({
    type: "LabeledStatement",
    label: id(target(block)),
    body,
  });

  /** What `print` prints, with the blocks behind it that it breaks out to, the last one first. */
  function outside(blocks: readonly Block[], print: () => Statement[]): Statement[] {
    const [last, ...others] = blocks;
    if (last === undefined) return print();
    behind.add(last);
    const body = outside(others, print);
    behind.delete(last);
    return [labelled(last, blockNode(body)), ...tree(last)];
  }

  function whole(block: Block): Statement[] {
    const out: Statement[] = [];
    const next = own(block, out);
    return next === null ? out : [...out, ...tree(next)];
  }

  /** The block alone; answers the one that is to follow at once, if control goes on there. */
  function own(block: Block, out: Statement[]): Block | null {
    for (const item of block.items) {
      const holes = new Map<Node, BlockStatement>(
        item.exits.map((exit) => [exit.hole, blockNode(goto(block, exit.to))]),
      );
      out.push(copy(item.statement, holes));
    }
    const on = (to: Block): Block | null => {
      const jumps = jump(block, to);
      if (jumps !== null) out.push(jumps);
      return jumps === null ? to : null;
    };
    const end = block.end;
    switch (end.kind) {
      case "jump":
        return on(end.to);
      case "branch":
        out.push(ifThen(copy(end.test), blockNode(goto(block, end.yes))));
        return on(end.no);
      case "switch": {
        const cases: SwitchCase[] = end.cases.map(({ test, to }) => ({
          type: "SwitchCase",
          test: copy(test),
          consequent: goto(block, to),
        }));
        out.push({ type: "SwitchStatement", discriminant: copy(end.value), cases });
        return on(end.otherwise);
      }
      case "suspend": {
        const point = num(end.resume.label);
        out.push(statement(assign(id(label), point)));
        const slots = (storage.contents.get(end.resume) ?? []).map((local) => (local === null ? num(0) : refer(local)));
        const left = call(id(kept), id(names.code), point, { type: "ArrayExpression", elements: slots });
        const leaves: Statement = located({ type: "ReturnStatement", argument: left }, end.at);
        if (end.resume.probe !== null) {
          out.push(statement(copy(end.call), end.at), leaves);
          return null;
        }
        const waits = binary("===", assign(id(v), copy(end.call)), id(waiting));
        out.push(located(ifThen(waits, leaves), end.at));
        return on(end.resume);
      }
      case "return":
        out.push(located({ type: "ReturnStatement", argument: end.value === null ? null : copy(end.value) }, end.at));
        return null;
      default:
        return null;
    }
  }

  const refer = (local: Local): Expression => {
    used.add(local);
    return id(local.name);
  };

  const body = tree(b.entry);
  const functions: Statement[] = [];
  const made = new Set<Local>();
  // Each of them may use further ones.
  for (let before = -1; before < made.size; ) {
    before = made.size;
    for (const [local, node] of b.remade) {
      if (!used.has(local) || made.has(local) || !flow.needsFrame(local)) continue;
      made.add(local);
      functions.push(copy(node));
    }
  }
  const variables = [...used].filter((local) => !local.remade && !params.includes(local));
  const handler: Statement = {
    type: "ThrowStatement",
    argument: call(id(fell), id(names.code), id(label), id(error)),
  };
  return {
    type: "FunctionDeclaration",
    id: id(names.straight),
    params: params.map((local) => id(local.name)),
    body: blockNode([
      declare("var", [label, num(0)], [v, null], ...variables.map((local): [string, null] => [local.name, null])),
      {
        type: "TryStatement",
        block: blockNode([...functions, ...body]),
        handler: { type: "CatchClause", param: id(error), body: blockNode([handler]) },
        finalizer: null,
      },
    ]),
    generator: false,
    async: false,
  };
}

/** Deep copies with settled names; the blocks of the map take the place of the holes, and nothing has a frame to leave. */
function copier(b: Builder, used: Set<Local>) {
  const { leave } = b.file.runtime;
  return function copy<N extends Node>(node: N, holes: ReadonlyMap<Node, Node> = new Map()): N {
    const filled = holes.get(node);
    if (filled !== undefined) return filled as N;
    if (node.type === "CallExpression" && node.callee.type === "Identifier" && node.callee.name === leave)
      return copy(node.arguments[1] as Node, holes) as N;
    const made = { ...node } as N;
    const record = made as unknown as Record<string, Node | (Node | null)[] | null | undefined>;
    for (const key of childKeys[node.type] ?? []) {
      const value = record[key];
      if (Array.isArray(value)) record[key] = value.map((each) => each && copy(each, holes));
      else if (value) record[key] = copy(value, holes);
    }
    if (node.type === "Identifier") {
      const local = b.localOf(node);
      if (local === undefined) return made;
      const name = b.copies.get(node);
      if (name === undefined) used.add(local);
      (made as { name?: string }).name = name ?? local.name;
    } else if (node.type === "ObjectProperty" && node.shorthand) {
      const value = node.value.type === "AssignmentPattern" ? node.value.left : node.value;
      (made as { shorthand?: boolean }).shorthand = b.localOf(value) === undefined;
    }
    return made;
  };
}

interface Shape {
  readonly isBack: (from: Block, to: Block) => boolean;
  readonly isLoop: (block: Block) => boolean;
  /** Blocks that only this one dominates: those that several lead to, and those behind its loop. The outermost first. */
  readonly childrenOf: (block: Block) => { readonly joins: Block[]; readonly left: Block[] };
}

function followers(block: Block): Block[] {
  const next = nextBlocks(block.end);
  if (block.end.kind === "suspend" && block.end.resume.probe === null) next.push(block.end.resume);
  for (const item of block.items) for (const exit of item.exits) next.push(exit.to);
  return next;
}

/** Dominators of the blocks that control reaches without waiting. Null if a loop has more than one entrance. */
function shapeOf(entry: Block): Shape | null {
  const order: Block[] = [];
  const seen = new Set([entry]);
  const open = [{ block: entry, next: followers(entry) }];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = top.next.shift();
    if (next === undefined) {
      order.push(top.block);
      open.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      open.push({ block: next, next: followers(next) });
    }
  }
  order.reverse();
  const place = new Map(order.map((block, i) => [block, i]));
  const at = (block: Block): number => place.get(block) ?? -1;
  const before = new Map<Block, Block[]>(order.map((block) => [block, []]));
  for (const block of order) for (const next of followers(block)) before.get(next)?.push(block);

  const dominator = new Map<Block, Block>([[entry, entry]]);
  const common = (one: Block, other: Block): Block => {
    let [x, y] = [one, other];
    while (x !== y) {
      if (at(x) > at(y)) x = dominator.get(x) as Block;
      else y = dominator.get(y) as Block;
    }
    return x;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of order) {
      if (block === entry) continue;
      const known = (before.get(block) ?? []).filter((each) => dominator.has(each));
      const found = known.reduce(common);
      if (dominator.get(block) === found) continue;
      dominator.set(block, found);
      changed = true;
    }
  }
  const dominates = (one: Block, other: Block): boolean => {
    let x = other;
    while (at(x) > at(one)) x = dominator.get(x) as Block;
    return x === one;
  };
  const isBack = (from: Block, to: Block): boolean => at(to) <= at(from);
  const forward = (block: Block): Block[] => (before.get(block) ?? []).filter((each) => !isBack(each, block));
  const back = (block: Block): Block[] => (before.get(block) ?? []).filter((each) => isBack(each, block));
  if (order.some((block) => back(block).some((each) => !dominates(block, each)))) return null;

  /** The blocks of the loop that begins with `header`: those that lead back to it. */
  const loopOf = (header: Block): Set<Block> => {
    const body = new Set([header]);
    const work = back(header);
    for (let block = work.pop(); block !== undefined; block = work.pop()) {
      if (body.has(block)) continue;
      body.add(block);
      work.push(...(before.get(block) ?? []));
    }
    return body;
  };
  const isLoop = (block: Block): boolean => back(block).length > 0;
  const childrenOf = new Map<Block, Block[]>(order.map((block) => [block, []]));
  for (const block of [...order].reverse())
    if (block !== entry) childrenOf.get(dominator.get(block) as Block)?.push(block);
  return {
    isBack,
    isLoop,
    childrenOf(block) {
      const children = childrenOf.get(block) ?? [];
      const body = isLoop(block) ? loopOf(block) : null;
      const left = children.filter((each) => body !== null && !body.has(each));
      return { left, joins: children.filter((each) => !left.includes(each) && forward(each).length > 1) };
    },
  };
}
