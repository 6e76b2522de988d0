/**
 * Random programs as trees of statements. They are made from a list of small numbers (a genome), so that the same genome
 * gives the same program everywhere and a shorter genome gives a smaller program.
 */

export type LockKind = "mutex" | "spinlock";

/** Cells, fields, locks and children are numbers of the program's lists. Value -1 = what the task read last. */
export type Statement =
  | { readonly op: "section"; readonly lock: number; readonly body: Block }
  | { readonly op: "try"; readonly lock: number; readonly body: Block; readonly otherwise: Block }
  | { readonly op: "take" | "drop"; readonly lock: number }
  | { readonly op: "read"; readonly cell: number }
  | { readonly op: "write" | "add" | "exchange"; readonly cell: number; readonly value: number }
  | { readonly op: "cmpxchg"; readonly cell: number; readonly expected: number; readonly value: number }
  | { readonly op: "swap"; readonly cell: number; readonly cell2: number }
  | { readonly op: "until"; readonly cell: number; readonly value: number }
  | { readonly op: "get"; readonly field: number }
  | { readonly op: "set"; readonly field: number; readonly value: number }
  | { readonly op: "choose"; readonly n: number }
  | { readonly op: "if"; readonly value: number; readonly body: Block; readonly otherwise: Block }
  | { readonly op: "twice"; readonly body: Block }
  | { readonly op: "assert"; readonly value: number }
  | { readonly op: "spawn"; readonly child: number }
  | { readonly op: "join" };

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
const CHILDREN = 2;

class Maker {
  private readonly genes: Genes;
  private readonly mix: Mix;
  private readonly table: Statement["op"][];
  private left = 0;
  private locks: LockKind[] = [];
  private cells: number[] = [];
  private fields: number[] = [];

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
    switch (op) {
      case "section":
        return { op, lock: lock(), body: inner() };
      case "try":
        return { op, lock: lock(), body: inner(), otherwise: inner() };
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
        return { op, field: genes.below(this.fields.length) };
      case "set":
        return { op, field: genes.below(this.fields.length), value: value() };
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
    }
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
