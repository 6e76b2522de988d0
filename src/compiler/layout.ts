/** In which order the blocks of a step function are printed, and which of them become cases of its dispatch switch. */
import type { ExpressionStatement } from "./babel.ts";
import { type Block, type End, nextBlocks, reachable } from "./cfg.ts";

export interface Layout {
  /** Every block that can be reached, in source order. */
  readonly blocks: readonly Block[];
  /** Number of each block that is a case: the label of those that are resumed, further numbers for the others. */
  readonly numberOf: ReadonlyMap<Block, number>;
  /** The cases in the order in which they are printed; a case that ends with a jump to the next one falls through. */
  readonly order: readonly Block[];
  /** How many resume labels there are, the entry included. */
  readonly labels: number;
}

export function layOut(entry: Block): Layout {
  shortenJumps(entry);
  const blocks = reachable(entry);
  entry.label = 0;
  let labels = 1;
  for (const block of blocks) if (block.resumes !== null) block.label = labels++;

  const entered = new Map<Block, Block[]>();
  const wanted = new Set<Block>();
  for (const block of blocks) {
    for (const next of nextBlocks(block.end)) entered.set(next, [...(entered.get(next) ?? []), block]);
    for (const item of block.items) for (const exit of item.exits) wanted.add(exit.to);
    if (block.region !== null) wanted.add(block.region.handler);
  }
  const enteredFrom = (block: Block): readonly Block[] => entered.get(block) ?? [];
  const isEntrance = (block: Block): boolean =>
    block.label >= 0 || wanted.has(block) || enteredFrom(block).some((each) => each.region !== block.region);
  const isJoin = (block: Block): boolean => enteredFrom(block).length > 1;
  /** Printed wherever it is jumped to: a statement or two, and then out, or on to what is a case for sure. */
  const isShort = (block: Block): boolean => {
    if (!isTiny(block)) return false;
    if (block.end.kind !== "jump") return true;
    return isEntrance(block.end.to) || (isJoin(block.end.to) && !isTiny(block.end.to));
  };
  const isCase = (block: Block): boolean => isEntrance(block) || (isJoin(block) && !isShort(block));
  const numberOf = new Map<Block, number>();
  for (const block of blocks) if (block.label >= 0) numberOf.set(block, block.label);
  let next = labels;
  for (const block of blocks) if (block.label < 0 && isCase(block)) numberOf.set(block, next++);
  return { blocks, numberOf, order: chain(blocks, numberOf), labels };
}

/** Jumps to blocks that only jump on go to where these lead. */
function shortenJumps(entry: Block): void {
  const target = (block: Block): Block => {
    const seen = new Set<Block>();
    let at = block;
    while (at.end.kind === "jump" && at.items.length === 0 && at.resumes === null && !seen.has(at)) {
      seen.add(at);
      at = at.end.to;
    }
    return at;
  };
  for (const block of reachable(entry)) {
    block.end = retarget(block.end, target);
  }
}

function retarget(end: End, target: (block: Block) => Block): End {
  switch (end.kind) {
    case "jump":
      return { ...end, to: target(end.to) };
    case "branch":
      return { ...end, yes: target(end.yes), no: target(end.no) };
    case "switch":
      return {
        ...end,
        cases: end.cases.map((each) => ({ ...each, to: target(each.to) })),
        otherwise: target(end.otherwise),
      };
    default:
      return end;
  }
}

function isTiny(block: Block): boolean {
  if (block.resumes !== null || block.items.length > 2) return false;
  if (block.end.kind !== "return" && block.end.kind !== "stop" && block.end.kind !== "jump") return false;
  return block.items.every((item) => isSimple(item.statement as ExpressionStatement));
}

function isSimple(node: ExpressionStatement): boolean {
  return node.type === "ExpressionStatement" && (node.end ?? 0) - (node.start ?? 0) < 60;
}

/** The case with which the code of `block` ends when nothing else happens, if that is a jump to a case. */
function tailOf(block: Block, numberOf: ReadonlyMap<Block, number>): Block | null {
  let at = block;
  for (;;) {
    const next = followerOf(at);
    if (next === null || numberOf.has(next)) return next;
    at = next;
  }
}

function followerOf(block: Block): Block | null {
  switch (block.end.kind) {
    case "jump":
      return block.end.to;
    case "branch":
      return block.end.no;
    default:
      return null;
  }
}

/** Puts each case behind a case that ends with a jump to it; of several, the one latest in the source: the loop's own. */
function chain(blocks: readonly Block[], numberOf: ReadonlyMap<Block, number>): Block[] {
  const cases = blocks.filter((block) => numberOf.has(block));
  const following = new Map<Block, Block>();
  const hasPrevious = new Set<Block>();
  // The ends of each chain, by each other.
  const lastOf = new Map<Block, Block>();
  const firstOf = new Map<Block, Block>();
  for (const block of [...cases].reverse()) {
    const tail = tailOf(block, numberOf);
    if (tail === null || tail.label === 0 || hasPrevious.has(tail)) continue;
    const last = lastOf.get(tail) ?? tail;
    if (last === block) continue;
    following.set(block, tail);
    hasPrevious.add(tail);
    const first = firstOf.get(block) ?? block;
    lastOf.set(first, last);
    firstOf.set(last, first);
  }
  const order: Block[] = [];
  for (const block of cases)
    if (!hasPrevious.has(block))
      for (let at: Block | undefined = block; at !== undefined; at = following.get(at)) order.push(at);
  return order;
}
