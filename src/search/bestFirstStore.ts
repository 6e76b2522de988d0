/** What a best-first search remembers: costs by fingerprint, open nodes by cost, words of all nodes. */

/** A list of 32-bit integers that only grows. */
export class GrowingInts {
  private list = new Int32Array(1 << 6);
  length = 0;

  push(x: number): void {
    if (this.length === this.list.length) {
      const longer = new Int32Array(2 * this.length);
      longer.set(this.list);
      this.list = longer;
    }
    this.list[this.length++] = x;
  }

  at(i: number): number {
    return this.list[i];
  }

  pop(): number {
    return this.list[--this.length];
  }
}

/** The least cost at which each fingerprint was reached: an open-addressing table of (low, high, cost). */
export class CostTable {
  private capacity = 1 << 12;
  private keys = new Int32Array(2 * this.capacity);
  private costs = new Float64Array(this.capacity);
  private size = 0;

  /** Notes `cost` for a fingerprint. False when it was reached at that cost or a lower one before. */
  improve(low: number, high: number, cost: number): boolean {
    if (this.size * 4 >= this.capacity * 3) this.grow();
    const i = this.find(low, high);
    if (this.costs[i] !== 0 && this.costs[i] <= cost + 1) return false;
    if (this.costs[i] === 0) {
      this.keys[2 * i] = low;
      this.keys[2 * i + 1] = high;
      this.size++;
    }
    // Costs are kept as cost + 1, so that 0 marks a free entry.
    this.costs[i] = cost + 1;
    return true;
  }

  /** A fingerprint that was never noted costs infinitely much. */
  costOf(low: number, high: number): number {
    const c = this.costs[this.find(low, high)];
    return c === 0 ? Number.POSITIVE_INFINITY : c - 1;
  }

  bytes(): number {
    return this.keys.byteLength + this.costs.byteLength;
  }

  private find(low: number, high: number): number {
    const mask = this.capacity - 1;
    let i = high & mask;
    while (this.costs[i] !== 0 && (this.keys[2 * i] !== low || this.keys[2 * i + 1] !== high)) i = (i + 1) & mask;
    return i;
  }

  private grow(): void {
    const { keys, costs } = this;
    this.capacity *= 2;
    this.keys = new Int32Array(2 * this.capacity);
    this.costs = new Float64Array(this.capacity);
    for (let j = 0; j < costs.length; j++) {
      if (costs[j] === 0) continue;
      const i = this.find(keys[2 * j], keys[2 * j + 1]);
      this.keys[2 * i] = keys[2 * j];
      this.keys[2 * i + 1] = keys[2 * j + 1];
      this.costs[i] = costs[j];
    }
  }
}

/**
 * Open nodes, cheapest first, and of equal ones the oldest. A search meets few different costs, so nodes lie in one list
 * for each cost, and only the costs are in a heap.
 */
export class CostQueue {
  private readonly lists = new Map<number, { readonly nodes: GrowingInts; next: number }>();
  private readonly heap: number[] = [];
  /** Cost of the node that the last `pop` gave. */
  cost = 0;

  push(cost: number, node: number): void {
    const list = this.lists.get(cost);
    if (list) {
      list.nodes.push(node);
      return;
    }
    const nodes = new GrowingInts();
    nodes.push(node);
    this.lists.set(cost, { nodes, next: 0 });
    const { heap } = this;
    let i = heap.length;
    heap.push(cost);
    while (i > 0 && heap[(i - 1) >> 1] > cost) {
      heap[i] = heap[(i - 1) >> 1];
      i = (i - 1) >> 1;
    }
    heap[i] = cost;
  }

  /** A node of the least cost, -1 when none is open. */
  pop(): number {
    for (;;) {
      if (this.heap.length === 0) return -1;
      const cost = this.heap[0];
      const list = this.lists.get(cost);
      if (list && list.next < list.nodes.length) {
        this.cost = cost;
        return list.nodes.at(list.next++);
      }
      this.lists.delete(cost);
      this.removeLeast();
    }
  }

  private removeLeast(): void {
    const { heap } = this;
    const x = heap.pop() ?? 0;
    const n = heap.length;
    if (n === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && heap[child + 1] < heap[child]) child++;
      if (heap[child] >= x) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = x;
  }
}

/**
 * The words of every node, as what its step changed: pairs (index, new content) behind those of its parent. A step
 * changes few words, so that is a small part of a copy; a node's words are had again by way of all its ancestors.
 * Words of a guide stand behind those of the machine.
 */
export class StateTree {
  private readonly first: Int32Array;
  private readonly words: Int32Array;
  private readonly guide: Int32Array;
  /** Words of the node that was loaded last. */
  private readonly here: Int32Array;
  private readonly log = new GrowingInts();
  private readonly starts = new GrowingInts();
  private readonly path = new GrowingInts();

  /** `words` and `guide` are those of the root now, and of other nodes after `load`. */
  constructor(words: Int32Array, guide: Int32Array) {
    this.words = words;
    this.guide = guide;
    this.first = Int32Array.from([...words, ...guide]);
    this.here = this.first.slice();
  }

  /** The words, changed since the last `load`, become those of the next node, a child of the one that was loaded. */
  add(): void {
    const { words, guide, here, log } = this;
    this.starts.push(log.length);
    const n = words.length;
    for (let i = 0; i < n; i++) {
      if (words[i] === here[i]) continue;
      log.push(i);
      log.push(words[i]);
    }
    for (let i = 0; i < guide.length; i++) {
      if (guide[i] === here[n + i]) continue;
      log.push(n + i);
      log.push(guide[i]);
    }
  }

  /** The words become those of `node`; `parents` tells the parent of each node, below 0 for the root. */
  load(node: number, parents: GrowingInts): void {
    const { here, log, starts, path } = this;
    path.length = 0;
    for (let x = node; x >= 0; x = parents.at(x)) path.push(x);
    here.set(this.first);
    while (path.length > 0) {
      const x = path.pop();
      const end = x + 1 < starts.length ? starts.at(x + 1) : log.length;
      for (let i = starts.at(x); i < end; i += 2) here[log.at(i)] = log.at(i + 1);
    }
    this.reload();
  }

  /** The words become those of the node that was loaded last. */
  reload(): void {
    const { words, guide, here } = this;
    const n = words.length;
    for (let i = 0; i < n; i++) words[i] = here[i];
    for (let i = 0; i < guide.length; i++) guide[i] = here[n + i];
  }

  bytes(): number {
    return 4 * (this.log.length + this.starts.length);
  }
}
