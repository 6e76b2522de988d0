/**
 * Which locals live across which suspension, in which slot, and what of it must really be stored and loaded.
 *
 * At a suspension every slot holds either a local that may still be read, or 0: equal situations are equal words.
 * A slot that already holds what it must (a parameter that nobody assigned, a slot that was dead before) is not stored
 * again, and a local that is not touched before the next suspension is not loaded.
 */
import type { Node } from "./babel.ts";
import { type Block, type Local, nextBlocks } from "./cfg.ts";
import type { Flow } from "./flow.ts";

export interface Storage {
  /** Slot of each local that has one. */
  readonly slotOf: ReadonlyMap<Local, number>;
  /** What the author calls the content of each slot. */
  readonly slots: readonly string[];
  /** Locals to load when a block is entered from outside, by its block. */
  readonly loads: ReadonlyMap<Block, readonly Local[]>;
  /** All that is alive in a block that is resumed, by slot; null = nothing. */
  readonly contents: ReadonlyMap<Block, readonly (Local | null)[]>;
  /** What to store at the end of a block that suspends: null stores 0. */
  readonly stores: ReadonlyMap<Block, readonly { readonly slot: number; readonly local: Local | null }[]>;
}

type LocalSet = Set<Local>;
const none: LocalSet = new Set();

export function planStorage(flow: Flow, blocks: readonly Block[], params: readonly Local[]): Storage {
  const live = liveness(flow, blocks, (block, liveIn) =>
    block.end.kind === "suspend" ? (liveIn.get(block.end.resume) ?? none) : none,
  );
  const { slotOf, slots } = assignSlots(blocks, live, params);
  const stores = planStores(flow, blocks, live, slotOf, slots.length, params);
  const needed = liveness(flow, blocks, (block) => {
    const stored = new Set<Local>();
    for (const { local } of stores.get(block) ?? []) if (local !== null) stored.add(local);
    return stored;
  });
  const loads = new Map<Block, Local[]>();
  const contents = new Map<Block, (Local | null)[]>();
  for (const block of blocks) {
    if (block.label < 0) continue;
    const isKept = (local: Local): boolean => slotOf.has(local) && (block.label > 0 || local.param >= 0);
    const first = needed.get(block) ?? none;
    const kept = [...(live.get(block) ?? none)].filter(isKept);
    loads.set(block, [...first].filter(isKept));
    contents.set(block, inSlots(kept, slotOf, slots.length));
  }
  return { slotOf, slots, loads, contents, stores };
}

/** The expressions of a block's end that are evaluated before control leaves. */
function partsOf(block: Block): Node[] {
  const end = block.end;
  switch (end.kind) {
    case "branch":
      return [end.test];
    case "switch":
      return [end.value, ...end.cases.map((each) => each.test)];
    case "suspend":
      return [end.call];
    case "return":
      return end.value === null ? [] : [end.value];
    default:
      return [];
  }
}

/** Locals that may be read from the beginning of each block on; `beyond` says what a suspension needs. */
function liveness(
  flow: Flow,
  blocks: readonly Block[],
  beyond: (block: Block, liveIn: ReadonlyMap<Block, LocalSet>) => ReadonlySet<Local>,
): Map<Block, LocalSet> {
  const liveIn = new Map<Block, LocalSet>();
  const compute = (block: Block): LocalSet => {
    const region = block.region;
    const atHandler = new Set(region === null ? none : liveIn.get(region.handler));
    for (const { local } of region?.bind ?? []) atHandler.delete(local);
    const live = new Set(beyond(block, liveIn));
    for (const next of nextBlocks(block.end)) for (const local of liveIn.get(next) ?? none) live.add(local);
    const before = (node: Node): void => {
      const { uses, defs } = flow.effects(node);
      for (const local of defs) live.delete(local);
      for (const local of uses) live.add(local);
      for (const local of atHandler) live.add(local);
    };
    for (const local of atHandler) live.add(local);
    for (const node of partsOf(block).reverse()) {
      // The tests of a switch are evaluated only up to the one that fits: their writes are not certain.
      if (block.end.kind === "switch" && node !== block.end.value)
        for (const local of flow.effects(node).uses) live.add(local);
      else before(node);
    }
    for (const item of [...block.items].reverse()) {
      before(item.statement);
      for (const exit of item.exits)
        for (const local of liveIn.get(exit.to) ?? none) if (!exit.defines.includes(local)) live.add(local);
    }
    if (block.probe !== null) for (const local of flow.effects(block.probe).uses) live.add(local);
    return live;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of [...blocks].reverse()) {
      const live = compute(block);
      if (live.size !== liveIn.get(block)?.size) {
        liveIn.set(block, live);
        changed ||= live.size > 0;
      }
    }
  }
  return liveIn;
}

/** Parameters come first, in order. Locals of one name share a slot when no suspension has both alive. */
function assignSlots(
  blocks: readonly Block[],
  live: ReadonlyMap<Block, LocalSet>,
  params: readonly Local[],
): { slotOf: Map<Local, number>; slots: string[] } {
  const slotOf = new Map<Local, number>();
  const slots: string[] = [];
  const busyAt: Set<number>[] = [];
  const labelsOf = new Map<Local, number[]>();
  for (const block of blocks)
    if (block.label > 0)
      for (const local of live.get(block) ?? none) {
        if (local.remade) continue;
        const labels = labelsOf.get(local) ?? [];
        labels.push(block.label);
        labelsOf.set(local, labels);
      }
  params.forEach((param, i) => {
    slots.push(param.display);
    busyAt.push(new Set([0, ...(labelsOf.get(param) ?? [])]));
    slotOf.set(param, i);
  });
  const inOrder = [...labelsOf].sort(([, a], [, b]) => (a[0] ?? 0) - (b[0] ?? 0));
  for (const [local, labels] of inOrder) {
    if (slotOf.has(local)) continue;
    let slot = slots.findIndex(
      (name, i) => name === local.display && !labels.some((label) => busyAt[i]?.has(label) === true),
    );
    if (slot < 0) {
      slot = slots.push(local.display) - 1;
      busyAt.push(new Set());
    }
    slotOf.set(local, slot);
    for (const label of labels) busyAt[slot]?.add(label);
  }
  return { slotOf, slots };
}

/** The locals that have a slot, by slot; null = nothing. */
function inSlots(locals: Iterable<Local>, slotOf: ReadonlyMap<Local, number>, size: number): (Local | null)[] {
  const found: (Local | null)[] = Array.from({ length: size }, () => null);
  for (const local of locals) {
    const slot = slotOf.get(local);
    if (slot !== undefined) found[slot] = local;
  }
  return found;
}

/** What a slot is known to hold: the present value of a local, 0, or who knows. */
type Content = Local | 0 | null;

function planStores(
  flow: Flow,
  blocks: readonly Block[],
  live: ReadonlyMap<Block, LocalSet>,
  slotOf: ReadonlyMap<Local, number>,
  size: number,
  params: readonly Local[],
): Map<Block, { slot: number; local: Local | null }[]> {
  const known = new Map<Block, Content[]>();
  const contentsAt = (block: Block): Content[] => {
    const contents: Content[] = Array.from({ length: size }, () => 0);
    const held = block.label === 0 ? params : [...(live.get(block) ?? none)];
    for (const each of held) {
      const slot = slotOf.get(each);
      if (slot !== undefined) contents[slot] = each.closureWritten ? null : each;
    }
    return contents;
  };
  const forget = (contents: Content[], local: Local): void => {
    const slot = slotOf.get(local);
    if (slot !== undefined && contents[slot] === local) contents[slot] = null;
  };
  const work: Block[] = [];
  const meet = (block: Block, contents: readonly Content[]): void => {
    const old = known.get(block);
    if (old === undefined) known.set(block, [...contents]);
    else {
      let changed = false;
      contents.forEach((each, i) => {
        if (old[i] !== null && old[i] !== each) {
          old[i] = null;
          changed = true;
        }
      });
      if (!changed) return;
    }
    work.push(block);
  };
  const after = (block: Block): Content[] => {
    const contents = [...(known.get(block) ?? [])];
    for (const node of [...block.items.map((item) => item.statement), ...partsOf(block)])
      for (const local of flow.effects(node).writes) forget(contents, local);
    return contents;
  };
  for (const block of blocks) if (block.label >= 0) meet(block, contentsAt(block));
  for (let block = work.pop(); block !== undefined; block = work.pop()) {
    const contents = after(block);
    for (const next of nextBlocks(block.end)) meet(next, contents);
    for (const item of block.items) for (const exit of item.exits) meet(exit.to, contents);
    if (block.region !== null) {
      const caught = [...contents];
      for (const { local } of block.region.bind) forget(caught, local);
      meet(block.region.handler, caught);
    }
  }
  const stores = new Map<Block, { slot: number; local: Local | null }[]>();
  for (const block of blocks) {
    if (block.end.kind !== "suspend") continue;
    const wanted = inSlots(live.get(block.end.resume) ?? none, slotOf, size);
    const contents = after(block);
    stores.set(
      block,
      wanted.flatMap((local, slot) => (contents[slot] === (local ?? 0) ? [] : [{ slot, local }])),
    );
  }
  return stores;
}
