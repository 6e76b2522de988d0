/**
 * Random programs as trees of statements. They are made from a list of small numbers (a genome), so that the same genome
 * gives the same program everywhere and a shorter genome gives a smaller program.
 */

export type LockKind = "mutex" | "spinlock" | "rwsem" | "queued rwsem" | "rwlock" | "folio" | "ww";

/**
 * Cells, fields, locks and children are numbers of the program's lists. Value -1 = what the task read last. There is one
 * of each other object: a completion, a fence, an SRCU, a reference count, a sequence counter, a wait queue, and a field
 * without a guard (peek, poke).
 */
export type Statement =
  | { readonly op: "section"; readonly lock: number; readonly shared: boolean; readonly body: Block }
  | {
      readonly op: "try";
      readonly lock: number;
      readonly shared: boolean;
      readonly body: Block;
      readonly otherwise: Block;
    }
  | { readonly op: "downgrade"; readonly lock: number; readonly body: Block; readonly otherwise: Block }
  | { readonly op: "tickets"; readonly lock: number; readonly lock2: number; readonly body: Block }
  | { readonly op: "take" | "drop"; readonly lock: number }
  | { readonly op: "read"; readonly cell: number }
  | { readonly op: "write" | "add" | "exchange"; readonly cell: number; readonly value: number }
  | { readonly op: "cmpxchg"; readonly cell: number; readonly expected: number; readonly value: number }
  | { readonly op: "swap"; readonly cell: number; readonly cell2: number }
  | { readonly op: "until"; readonly cell: number; readonly value: number }
  | { readonly op: "get"; readonly field: number }
  | { readonly op: "set"; readonly field: number; readonly value: number }
  | { readonly op: "peek" }
  | { readonly op: "poke"; readonly value: number }
  | { readonly op: "choose"; readonly n: number }
  | { readonly op: "if"; readonly value: number; readonly body: Block; readonly otherwise: Block }
  | { readonly op: "twice"; readonly body: Block }
  | { readonly op: "assert"; readonly value: number }
  | { readonly op: "spawn"; readonly child: number }
  | { readonly op: "join" }
  | { readonly op: "complete" | "completeAll" | "waitCompletion" | "tryCompletion" }
  | { readonly op: "signal" | "waitFence" | "isSignaled" }
  | { readonly op: "srcuRead"; readonly body: Block }
  | { readonly op: "synchronize" }
  | { readonly op: "refGet" | "refTry" | "refPut" }
  | { readonly op: "refUntil"; readonly value: number }
  | { readonly op: "seqRead"; readonly cell: number; readonly cell2: number }
  | { readonly op: "seqWrite"; readonly body: Block }
  | { readonly op: "waitEvent"; readonly cell: number; readonly value: number }
  | { readonly op: "wake" };

export type Block = readonly Statement[];

export interface RandomProgram {
  readonly locks: readonly LockKind[];
  /** Initial values. */
  readonly cells: readonly number[];
  /** Per field: the lock that guards it. */
  readonly fields: readonly number[];
  /** Tasks that start at once. */
  readonly tasks: readonly Block[];
  /** Tasks that others start; they start none themselves. */
  readonly children: readonly Block[];
  /** At the end, the first cell must not have this value; -1 = no such rule. */
  readonly forbidden: number;
}

/** What kinds of statements may appear: narrower mixes reach deeper into one corner. */
export interface Mix {
  readonly locks: readonly LockKind[];
  readonly weights: Readonly<Partial<Record<Statement["op"], number>>>;
  readonly maxTasks: number;
  /** Statements of the whole program. */
  readonly maxStatements: number;
}

/** Draws numbers from a genome; when it is used up, zeros, which stand for the simplest choice. */
class Genes {
  private readonly genome: readonly number[];
  private at = 0;
  constructor(genome: readonly number[]) {
    this.genome = genome;
  }
  /** 0 … n-1. */
  below(n: number): number {
    const gene = this.genome[this.at++] ?? 0;
    return n <= 1 ? 0 : gene % n;
  }
}

export function programFrom(genome: readonly number[], mix: Mix): RandomProgram {
  return new Maker(new Genes(genome), mix).program();
}

const MAX_NESTING = 3;
const READABLE: readonly LockKind[] = ["rwsem", "queued rwsem", "rwlock"];
const CHILDREN = 2;

class Maker {
  private readonly genes: Genes;
  private readonly mix: Mix;
  private readonly table: Statement["op"][];
  private left = 0;
  private locks: LockKind[] = [];
  private cells: number[] = [];
  private fields: number[] = [];
  /** Locks of the sections around the statement that is being made; `shared` = good for reading only. */
  private readonly held: { readonly lock: number; readonly shared: boolean }[] = [];
  private signaled = false;

  constructor(genes: Genes, mix: Mix) {
    this.genes = genes;
    this.mix = mix;
    this.table = Object.entries(mix.weights).flatMap(([op, weight]) =>
      Array.from({ length: weight }, () => op as Statement["op"]),
    );
  }

  program(): RandomProgram {
    const { genes, mix } = this;
    this.locks = this.list(1 + genes.below(3), () => mix.locks[genes.below(mix.locks.length)]);
    this.cells = this.list(1 + genes.below(2), () => genes.below(2));
    this.fields = this.list(1 + genes.below(2), () => genes.below(this.locks.length));
    const count = 2 + genes.below(mix.maxTasks - 1);
    const spawning = this.table.includes("spawn");
    const children = spawning ? this.list(CHILDREN, () => this.share(mix.maxStatements / (2 * CHILDREN), false)) : [];
    const rest = spawning ? mix.maxStatements / 2 : mix.maxStatements;
    const tasks = this.list(count, () => this.share(rest / count, spawning));
    const forbidden = genes.below(4) === 1 ? genes.below(4) : -1;
    return { locks: this.locks, cells: this.cells, fields: this.fields, tasks, children, forbidden };
  }

  private list<T>(n: number, make: () => T): T[] {
    return Array.from({ length: n }, make);
  }

  /** A task of at most `statements` statements. */
  private share(statements: number, spawning: boolean): Block {
    this.left = Math.floor(statements);
    return this.block(0, spawning);
  }

  private block(nesting: number, spawning: boolean): Block {
    const list: Statement[] = [];
    const wanted = 1 + this.genes.below(nesting === 0 ? 6 : 3);
    for (let i = 0; i < wanted && this.left > 0; i++) {
      this.left--;
      list.push(this.statement(nesting, spawning));
    }
    return list;
  }

  private statement(nesting: number, spawning: boolean): Statement {
    const { genes } = this;
    const op = this.table[genes.below(this.table.length)];
    const deep = nesting >= MAX_NESTING;
    const lock = (): number => genes.below(this.locks.length);
    const cell = (): number => genes.below(this.cells.length);
    const value = (): number => genes.below(4) - 1;
    const inner = (): Block => (deep ? [] : this.block(nesting + 1, spawning));
    const within = (l: number, isShared = false): Block => {
      this.held.push({ lock: l, shared: isShared });
      const body = inner();
      this.held.pop();
      return body;
    };
    /** Of a kind that the operation is for, where there is one. */
    const lockOf = (...kinds: LockKind[]): number => {
      const fitting = this.locks.flatMap((kind, i) => (kinds.includes(kind) ? [i] : []));
      return fitting.length > 0 ? fitting[genes.below(fitting.length)] : -1;
    };
    const shared = (l: number): boolean => READABLE.includes(this.locks[l]) && genes.below(3) > 0;
    switch (op) {
      case "section": {
        const l = lock();
        const s = shared(l);
        return { op, lock: l, shared: s, body: within(l, s) };
      }
      case "try": {
        const l = lock();
        const s = shared(l);
        return { op, lock: l, shared: s, body: within(l, s), otherwise: inner() };
      }
      case "downgrade": {
        const l = lockOf(...READABLE);
        return l < 0 ? { op: "read", cell: cell() } : { op, lock: l, body: within(l), otherwise: within(l, true) };
      }
      case "tickets": {
        const l = lockOf("ww");
        return l < 0 ? { op: "read", cell: cell() } : { op, lock: l, lock2: lockOf("ww"), body: within(l) };
      }
      case "take":
      case "drop":
        return { op, lock: lock() };
      case "read":
        return { op, cell: cell() };
      case "write":
      case "add":
      case "exchange":
        return { op, cell: cell(), value: value() };
      case "cmpxchg":
        return { op, cell: cell(), expected: genes.below(3), value: value() };
      case "swap":
        return { op, cell: cell(), cell2: cell() };
      case "until":
        return { op, cell: cell(), value: genes.below(3) };
      case "get":
        return this.guarded(true, (field) => ({ op, field }));
      case "set":
        return this.guarded(false, (field) => ({ op, field, value: value() }));
      case "poke":
        return { op, value: value() };
      case "choose":
        return { op, n: 2 + genes.below(2) };
      case "if":
        return { op, value: genes.below(3), body: inner(), otherwise: inner() };
      case "twice":
        return { op, body: inner() };
      case "assert":
        return { op, value: genes.below(4) };
      case "spawn":
        return spawning ? { op, child: genes.below(CHILDREN) } : { op: "read", cell: cell() };
      case "join":
        return spawning ? { op } : { op: "read", cell: cell() };
      case "srcuRead":
      case "seqWrite":
        return { op, body: inner() };
      case "signal":
        // Two tasks that signal one fence break a rule in any order; which of them stops depends on the order, and
        // coarse steps, in which a signal is no step, show one order only.
        if (this.signaled) return { op: "isSignaled" };
        this.signaled = true;
        return { op };
      case "refUntil":
        return { op, value: genes.below(2) };
      case "seqRead":
        return { op, cell: cell(), cell2: cell() };
      case "waitEvent":
        return { op, cell: cell(), value: genes.below(3) };
      default:
        return { op };
    }
  }

  /** An access to a field whose guard is held, if need be taken for it; seldom an access without. */
  private guarded(reads: boolean, access: (field: number) => Statement): Statement {
    const { genes, fields, held } = this;
    const fitting = fields.flatMap((guard, i) =>
      held.some((h) => h.lock === guard && (reads || !h.shared)) ? [i] : [],
    );
    const any = genes.below(fields.length);
    if (genes.below(12) === 11) return access(any);
    if (fitting.length > 0) return access(fitting[genes.below(fitting.length)]);
    return { op: "section", lock: fields[any], shared: false, body: [access(any)] };
  }
}

/** The program in a few lines, for messages. */
export function describeProgram(p: RandomProgram): string {
  const head = [
    `locks ${p.locks.join(" ")}; cells ${p.cells.join(" ")}; fields guarded by ${p.fields.join(" ")}`,
    ...(p.forbidden >= 0 ? [`at end cell 0 != ${p.forbidden}`] : []),
  ];
  const tasks = p.tasks.map((b, i) => `task ${i}: ${describeBlock(b)}`);
  const children = p.children.map((b, i) => `child ${i}: ${describeBlock(b)}`);
  return [...head, ...tasks, ...children].join("\n");
}

function describeBlock(b: Block): string {
  return b
    .map((s) => {
      const { op, body, otherwise, ...rest } = { body: null, otherwise: null, ...s };
      const args = Object.values(rest).join(" ");
      const inside = body ? ` { ${describeBlock(body)} }` : "";
      return `${op} ${args}${inside}${otherwise ? ` else { ${describeBlock(otherwise)} }` : ""}`;
    })
    .join("; ");
}
