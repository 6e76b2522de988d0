/** Builds the blocks of one task function; statements.ts and expressions.ts decide what goes into them. */
import {
  assign,
  block as blockNode,
  call,
  type FunctionNode,
  id,
  isFunction,
  located,
  num,
  statement,
  undefinedValue,
  walk,
} from "./ast.ts";
import type { BlockStatement, Expression, Identifier, Node, Statement } from "./babel.ts";
import type { Block, End, Exit, Item, Local, Region } from "./cfg.ts";
import { type FileContext, fail, freshName } from "./context.ts";
import { heavyNodes } from "./heavy.ts";
import type { Binding } from "./scope.ts";

/** A try statement whose finally block waits for a completion: 0 go on, 1 throw, 2 return, 3… the registered jumps. */
export interface Finally {
  readonly kind: "finally";
  readonly block: Block;
  readonly how: Local;
  readonly value: Local;
  returns: boolean;
  readonly jumps: Jump[];
}

/** With what a try statement is left: kept in two locals while its finally block runs. */
export interface Completion {
  readonly context: Finally;
  readonly how: number;
  readonly value: Expression;
}

export interface Jump {
  readonly to: Block;
  /** How many contexts remain open where it lands. */
  readonly depth: number;
}

export interface Breakable {
  readonly kind: "loop" | "switch" | "label";
  readonly labels: readonly string[];
  readonly breakTo: Block;
  readonly continueTo: Block | null;
}

export class Builder {
  readonly task: FunctionNode;
  readonly taskName: string;
  readonly file: FileContext;
  readonly suspends: Set<Node>;
  readonly heavy: ReadonlySet<Node>;
  readonly locals: Local[] = [];
  readonly entry: Block;
  readonly contexts: (Finally | Breakable)[] = [];
  /** Functions that each step makes anew, with the local that names them. */
  readonly remade = new Map<Local, Statement>();
  region: Region | null = null;
  loopDepth = 0;
  hasLoop = false;
  /** Names that a closure of one iteration must see as they are now: see `keepIterations`. */
  readonly copies = new Map<Node, string>();
  current: Block;
  #nextBlock = 0;
  readonly #of = new Map<Node, Local>();
  readonly #byBinding = new Map<Binding, Local>();
  readonly #native = new Set<Binding>();
  readonly #loopLocals = new Set<Binding>();

  constructor(task: FunctionNode, taskName: string, file: FileContext) {
    this.task = task;
    this.taskName = taskName;
    this.file = file;
    const found = heavyNodes(task);
    this.suspends = found.suspends;
    this.heavy = found.heavy;
    this.entry = this.newBlock();
    this.current = this.entry;
  }

  // --- locals

  /** The local that an identifier names; undefined for names from outside and for those of statements kept whole. */
  localOf(node: Node): Local | undefined {
    if (node.type !== "Identifier") return undefined;
    const known = this.#of.get(node);
    if (known !== undefined) return known;
    const binding = this.file.names.bindingOf.get(node);
    return binding === undefined ? undefined : this.localOfBinding(binding);
  }

  localOfBinding(binding: Binding): Local | undefined {
    if (binding.scope.fn !== this.task || binding.kind === "self" || this.#native.has(binding)) return undefined;
    let local = this.#byBinding.get(binding);
    if (local === undefined) {
      const parameters = binding.kind === "param" ? this.task.params : [];
      local = {
        display: binding.name,
        name: binding.name,
        binding,
        param: parameters.findIndex((each) => binding.declarations.includes(bareParameter(each) as Identifier)),
        closureWritten: binding.writes.some((write) => write.inside !== this.task),
        remade: isRemade(binding),
      };
      this.#byBinding.set(binding, local);
      this.locals.push(local);
    }
    return local;
  }

  newLocal(base: string, display: string, param = -1): Local {
    const name = freshName(this.file.names.taken, base);
    const local = { display, name, binding: null, param, closureWritten: false, remade: false };
    this.locals.push(local);
    return local;
  }

  ref(local: Local): Identifier {
    const node = id(local.name);
    this.#of.set(node, local);
    return node;
  }

  /** Evaluates `value` now and keeps it in a temporary. */
  keep(value: Expression, display = "(value)"): Identifier {
    const local = this.newLocal("$t", display);
    this.emit(statement(assign(this.ref(local), value)));
    return this.ref(local);
  }

  isWrite(node: Node): boolean {
    const binding = this.file.names.bindingOf.get(node);
    return binding?.writes.some((each) => each.identifier === node) ?? false;
  }

  noteLoopLocal(binding: Binding | undefined): void {
    if (binding !== undefined && this.loopDepth > 0) this.#loopLocals.add(binding);
  }

  /** The names that a statement kept whole declares for itself stay ordinary JavaScript. */
  keepNative(node: Node): void {
    const mark = (each: Node): void => {
      if (each.type !== "Identifier") return;
      const binding = this.file.names.bindingOf.get(each);
      if (binding === undefined || binding.scope.fn !== this.task || binding.kind === "var") return;
      if (binding.declarations.some((declaration) => declaration === each)) this.#native.add(binding);
    };
    walk(node, (each) => {
      if (isFunction(each)) {
        if (each.type === "FunctionDeclaration" && each.id) mark(each.id);
        return false;
      }
      mark(each);
      return true;
    });
  }

  // --- blocks

  newBlock(region: Region | null = this.region): Block {
    return {
      id: this.#nextBlock++,
      region,
      items: [],
      end: { kind: "open" },
      resumes: null,
      probe: null,
      label: -1,
    };
  }

  emit(node: Statement, exits: readonly Exit[] = []): void {
    const item: Item = { statement: this.loopDepth > 0 ? this.#keepIterations(node) : node, exits };
    this.current.items.push(item);
  }

  /** Ends the current block; what follows is unreachable until a block is placed. */
  finish(end: End): void {
    if (this.current.end.kind === "open") this.current.end = end;
    this.current = this.newBlock();
  }

  place(block: Block): void {
    if (this.current.end.kind === "open") this.current.end = { kind: "jump", to: block };
    this.current = block;
  }

  branch(test: Expression, yes: Block, no: Block): void {
    this.finish({ kind: "branch", test, yes, no });
  }

  /** Suspends after evaluating `callNode`; the answer stands for the value with which the step is resumed. */
  suspend(callNode: Expression, at: Node, probe: Expression | null = null): Identifier {
    const resume = this.newBlock();
    resume.resumes = at;
    resume.probe = probe;
    this.current.end = { kind: "suspend", call: callNode, resume, at };
    this.current = resume;
    if (this.loopDepth > 0) this.hasLoop = true;
    return id(this.file.runtime.v);
  }

  // --- leaving

  /** Assignments and target of a jump that may first have to pass a finally block. */
  jumpOut(jump: Jump): { readonly before: Completion | null; readonly to: Block } {
    for (let i = this.contexts.length - 1; i >= jump.depth; i--) {
      const context = this.contexts[i];
      if (context?.kind !== "finally") continue;
      let n = context.jumps.findIndex((each) => each.to === jump.to);
      if (n < 0) n = context.jumps.push(jump) - 1;
      return { before: { context, how: 3 + n, value: num(0) }, to: context.block };
    }
    return { before: null, to: jump.to };
  }

  completion({ context, how, value }: Completion): Statement[] {
    return [statement(assign(this.ref(context.value), value)), statement(assign(this.ref(context.how), num(how)))];
  }

  returnOut(): Finally | null {
    for (let i = this.contexts.length - 1; i >= 0; i--) {
      const context = this.contexts[i];
      if (context?.kind === "finally") return context;
    }
    return null;
  }

  emitReturn(value: Expression | null, at: Node | null): void {
    const context = this.returnOut();
    if (context === null) return this.finish({ kind: "return", value, at });
    context.returns = true;
    this.complete({ context, how: 2, value: value ?? undefinedValue() });
  }

  /** The jump of `break label` or `continue label`, seen from the innermost context. */
  targetOf(node: Node, label: string | undefined, isContinue: boolean): Jump {
    for (let i = this.contexts.length - 1; i >= 0; i--) {
      const context = this.contexts[i];
      if (context === undefined || context.kind === "finally") continue;
      const named = label === undefined ? context.kind !== "label" : context.labels.includes(label);
      if (!named) continue;
      if (!isContinue) return { to: context.breakTo, depth: i };
      if (context.continueTo !== null) return { to: context.continueTo, depth: i + 1 };
    }
    return fail(this.file.filename, node, "MF0301", { reason: "a jump without its target" });
  }

  emitJump(jump: Jump): void {
    const { before, to } = this.jumpOut(jump);
    if (before !== null) this.complete(before);
    else this.finish({ kind: "jump", to });
  }

  /** Goes to a finally block that goes on with `completion` when it is done. */
  complete(completion: Completion): void {
    for (const each of this.completion(completion)) this.emit(each);
    this.finish({ kind: "jump", to: completion.context.block });
  }

  /** What a `return` in the middle of a statement kept whole becomes. */
  nativeReturn(value: Expression | null, at: Node, exits: Exit[]): BlockStatement {
    const context = this.returnOut();
    if (context !== null) {
      context.returns = true;
      return this.exit({ context, how: 2, value: value ?? undefinedValue() }, context.block, exits);
    }
    const { leave, f } = this.file.runtime;
    const left = call(id(leave), id(f), value ?? undefinedValue());
    return blockNode([located({ type: "ReturnStatement", argument: left }, at)]);
  }

  exit(before: Completion | null, to: Block, exits: Exit[]): BlockStatement {
    const hole = blockNode([]);
    exits.push({ hole, to, defines: before === null ? [] : [before.context.how, before.context.value] });
    return before === null ? hole : blockNode([...this.completion(before), hole]);
  }

  unsupported(node: Node, where: string): never {
    return fail(this.file.filename, node, "MF0317", { task: this.taskName, where });
  }

  /**
   * Locals of a loop that suspends are variables of the whole step, not of one iteration. A closure that a statement
   * makes gets copies of those that are never reassigned, so closures of two iterations do not see each other's values.
   */
  #keepIterations(node: Statement): Statement {
    const copied = new Map<Local, string>();
    const declaredHere = new Set<Binding | undefined>();
    const visitClosure = (closure: Node): void =>
      walk(closure, (each) => {
        const local = this.localOf(each);
        const binding = local?.binding;
        if (!local || !binding || local.remade || binding.writes.length > 0) return true;
        if (!this.#loopLocals.has(binding) || declaredHere.has(binding)) return true;
        if ((binding.declarations[0]?.start ?? 0) > (closure.start ?? 0)) return true;
        let name = copied.get(local);
        if (name === undefined) {
          name = freshName(this.file.names.taken, local.display);
          copied.set(local, name);
        }
        this.copies.set(each, name);
        return true;
      });
    walk(node, (each) => {
      if (each.type === "Identifier") {
        const binding = this.file.names.bindingOf.get(each);
        if (binding?.declarations.includes(each)) declaredHere.add(binding);
      }
      if (!isFunction(each)) return true;
      visitClosure(each);
      return false;
    });
    if (copied.size === 0) return node;
    const declarations = [...copied].map(([local, name]) => ({
      type: "VariableDeclarator" as const,
      id: id(name),
      init: this.ref(local),
    }));
    return blockNode([{ type: "VariableDeclaration", kind: "const", declarations }, node]);
  }
}

/** `a` of the parameter `a` or `a = 1`; patterns have no name of their own. */
function bareParameter(node: Node): Node {
  return node.type === "AssignmentPattern" ? node.left : node;
}

/** Never assigned after its declaration. */
export function isConstant(binding: Binding): boolean {
  return binding.writes.length === 0 && binding.declarations.length === 1;
}

function isRemade(binding: Binding): boolean {
  if (!isConstant(binding)) return false;
  if (binding.kind === "function") return true;
  if (binding.node.type !== "VariableDeclarator" || binding.node.id.type !== "Identifier") return false;
  const init = binding.node.init?.type;
  return init === "ArrowFunctionExpression" || init === "FunctionExpression";
}
