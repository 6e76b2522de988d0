/**
 * The shape between source and step function: basic blocks that end where control may leave the step or split.
 *
 *      entry (label 0)                 resume block (label k > 0)
 *        │ items                         │ v = result of the suspension that led here
 *        ▼                               ▼
 *      suspend ── callee runs ──▶ the machine calls step(W, f, k, v)
 *
 * Between two suspensions everything is ordinary JavaScript; across one, only slots survive.
 */
import type { BlockStatement, Expression, Node, Statement } from "./babel.ts";
import type { Binding } from "./scope.ts";

/** A variable of the step function: a parameter, a hoisted local, or a temporary of the compiler. */
export interface Local {
  /** As in the author's source, or what a temporary holds: what reports show. */
  readonly display: string;
  /** Unique in the step function; settled when all locals are known. */
  name: string;
  readonly binding: Binding | null;
  /** Position among the parameters, -1 for others. */
  readonly param: number;
  /** Some closure assigns to it, so its slot may be out of date after any statement. */
  readonly closureWritten: boolean;
  /** A function that is made anew in each step instead of being kept: declaration, or constant arrow function. */
  readonly remade: boolean;
}

/** Where exceptions of a block go. The handler finds the exception (and more) in the locals that `bind` assigns. */
export interface Region {
  readonly parent: Region | null;
  readonly handler: Block;
  /** Assigned on the way to the handler: the exception, or a constant. */
  readonly bind: readonly { readonly local: Local; readonly value: "exception" | number }[];
}

/** A jump out of the middle of a statement that is kept whole: `hole` is filled when the labels are known. */
export interface Exit {
  readonly hole: BlockStatement;
  readonly to: Block;
  /** Locals that are assigned on the way. */
  readonly defines: readonly Local[];
}

export interface Item {
  readonly statement: Statement;
  readonly exits: readonly Exit[];
}

export type End =
  | { readonly kind: "open" }
  | { readonly kind: "stop" }
  | { readonly kind: "jump"; readonly to: Block }
  | { readonly kind: "branch"; readonly test: Expression; readonly yes: Block; readonly no: Block }
  | {
      readonly kind: "switch";
      readonly value: Expression;
      readonly cases: readonly { readonly test: Expression; readonly to: Block }[];
      readonly otherwise: Block;
    }
  | { readonly kind: "suspend"; readonly call: Expression; readonly resume: Block; readonly at: Node }
  | { readonly kind: "return"; readonly value: Expression | null; readonly at: Node | null };

export interface Block {
  readonly id: number;
  readonly region: Region | null;
  readonly items: Item[];
  end: End;
  /** The suspension after which this block goes on; null for blocks that are only jumped to. */
  resumes: Node | null;
  /** The condition of an until: tested in place when the machine probes. */
  probe: Expression | null;
  /** Resume label, settled when unreachable blocks are gone; 0 for the entry, -1 for blocks that are only jumped to. */
  label: number;
}

/** Where control may go from the end of a block within the same step. */
export function nextBlocks(end: End): Block[] {
  switch (end.kind) {
    case "jump":
      return [end.to];
    case "branch":
      return [end.yes, end.no];
    case "switch":
      return [...end.cases.map((each) => each.to), end.otherwise];
    default:
      return [];
  }
}

/** All blocks that control may reach from `block`, in this step or a later one. */
export function successors(block: Block): Block[] {
  const next = nextBlocks(block.end);
  if (block.end.kind === "suspend") next.push(block.end.resume);
  for (const item of block.items) for (const exit of item.exits) next.push(exit.to);
  if (block.region !== null) next.push(block.region.handler);
  return next;
}

/** Blocks reachable from `entry`, each before the blocks that only it leads to, in source order as far as possible. */
export function reachable(entry: Block): Block[] {
  const seen = new Set<Block>([entry]);
  const work = [entry];
  for (let block = work.pop(); block !== undefined; block = work.pop())
    for (const next of successors(block))
      if (!seen.has(next)) {
        seen.add(next);
        work.push(next);
      }
  return [...seen].sort((a, b) => a.id - b.id);
}
