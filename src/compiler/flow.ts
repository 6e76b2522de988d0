/** What a piece of code does to the locals of its step: reads that come before any write, certain writes, possible writes. */
import { forEachChild, isFunction, walk } from "./ast.ts";
import type { Node } from "./babel.ts";
import type { Builder } from "./builder.ts";
import type { Local } from "./cfg.ts";

export interface Effects {
  /** May be read with the value from before. */
  readonly uses: ReadonlySet<Local>;
  /** Assigned whenever control comes out at the end. */
  readonly defs: ReadonlySet<Local>;
  /** May be assigned. */
  readonly writes: ReadonlySet<Local>;
}

type Assigned = Set<Local>;

export class Flow {
  readonly #b: Builder;
  readonly #known = new Map<Node, Effects>();
  readonly #captured = new Map<Local, Set<Local>>();

  constructor(b: Builder) {
    this.#b = b;
    for (const [local, node] of b.remade) this.#captured.set(local, this.#namesIn(node));
    // A function that is made anew may call another one: it needs what that one needs.
    for (let grew = true; grew; ) {
      grew = false;
      for (const mine of this.#captured.values())
        for (const each of [...mine])
          for (const one of this.#captured.get(each) ?? [])
            if (!mine.has(one)) {
              mine.add(one);
              grew = true;
            }
    }
  }

  /** The locals that a function made anew needs, other such functions included. */
  capturedBy(local: Local): ReadonlySet<Local> {
    return this.#captured.get(local) ?? new Set();
  }

  /** Does a function made anew read locals? Others need to be made only once. */
  needsFrame(local: Local): boolean {
    return [...this.capturedBy(local)].some((each) => !each.remade);
  }

  effects(node: Node): Effects {
    let effects = this.#known.get(node);
    if (effects === undefined) {
      const uses = new Set<Local>();
      const writes = new Set<Local>();
      const defs: Assigned = new Set();
      this.#visit(node, defs, { uses, writes });
      effects = { uses, defs, writes };
      this.#known.set(node, effects);
    }
    return effects;
  }

  #namesIn(node: Node): Set<Local> {
    const found = new Set<Local>();
    walk(node, (each) => {
      const local = each.type === "Identifier" ? this.#b.localOf(each) : undefined;
      if (local !== undefined) found.add(local);
      return true;
    });
    return found;
  }

  #read(node: Node, assigned: Assigned, out: Out): void {
    const local = this.#b.localOf(node);
    if (local === undefined) return;
    for (const each of [local, ...this.capturedBy(local)]) if (!assigned.has(each)) out.uses.add(each);
  }

  #write(node: Node, assigned: Assigned, out: Out): void {
    const local = this.#b.localOf(node);
    if (local === undefined) return;
    out.writes.add(local);
    assigned.add(local);
  }

  /** A function value may be called at once: what it names is read now. */
  #closure(node: Node, assigned: Assigned, out: Out): void {
    walk(node, (each) => {
      if (each.type !== "Identifier") return true;
      this.#read(each, assigned, out);
      const local = this.#b.localOf(each);
      if (local !== undefined && this.#b.isWrite(each)) out.writes.add(local);
      return true;
    });
  }

  #pattern(node: Node, assigned: Assigned, out: Out): void {
    switch (node.type) {
      case "Identifier":
        return this.#write(node, assigned, out);
      case "AssignmentPattern":
        this.#visit(node.right, new Set(assigned), out);
        return this.#pattern(node.left, assigned, out);
      case "RestElement":
        return this.#pattern(node.argument, assigned, out);
      case "ArrayPattern":
        for (const each of node.elements) if (each) this.#pattern(each, assigned, out);
        return;
      case "ObjectPattern":
        for (const each of node.properties) {
          if (each.type === "ObjectProperty" && each.computed) this.#visit(each.key, assigned, out);
          this.#pattern(each.type === "RestElement" ? each.argument : each.value, assigned, out);
        }
        return;
      default:
        return this.#visit(node, assigned, out);
    }
  }

  /** Visits each part as code that may not run to its end: what it assigns is not certain. */
  #maybe(parts: readonly (Node | null | undefined)[], assigned: Assigned, out: Out): void {
    const copy = new Set(assigned);
    for (const each of parts) if (each) this.#visit(each, copy, out);
  }

  #visit(node: Node, assigned: Assigned, out: Out): void {
    if (isFunction(node) || node.type === "ClassExpression" || node.type === "ClassDeclaration")
      return this.#closure(node, assigned, out);
    switch (node.type) {
      case "Identifier":
        return this.#read(node, assigned, out);
      case "AssignmentExpression": {
        const { left, operator } = node;
        const conditionally = operator === "&&=" || operator === "||=" || operator === "??=";
        if (left.type === "Identifier") {
          if (operator !== "=") this.#read(left, assigned, out);
          if (!conditionally) this.#visit(node.right, assigned, out);
          else this.#maybe([node.right], assigned, out);
          return this.#write(left, conditionally ? new Set() : assigned, out);
        }
        if (left.type === "MemberExpression") this.#visit(left, assigned, out);
        if (conditionally) this.#maybe([node.right], assigned, out);
        else this.#visit(node.right, assigned, out);
        if (left.type !== "MemberExpression") this.#pattern(left, assigned, out);
        return;
      }
      case "UpdateExpression":
        this.#visit(node.argument, assigned, out);
        if (node.argument.type === "Identifier") this.#write(node.argument, assigned, out);
        return;
      case "VariableDeclarator":
        if (!node.init) return;
        this.#visit(node.init, assigned, out);
        return this.#pattern(node.id, assigned, out);
      case "LogicalExpression":
        this.#visit(node.left, assigned, out);
        return this.#maybe([node.right], assigned, out);
      case "OptionalMemberExpression":
        this.#visit(node.object, assigned, out);
        return this.#maybe([node.property], assigned, out);
      case "OptionalCallExpression":
        this.#visit(node.callee, assigned, out);
        return this.#maybe(node.arguments, assigned, out);
      case "ConditionalExpression":
      case "IfStatement": {
        this.#visit(node.test, assigned, out);
        const [yes, no] = [new Set(assigned), new Set(assigned)];
        this.#visit(node.consequent, yes, out);
        if (node.alternate) this.#visit(node.alternate, no, out);
        for (const each of yes) if (no.has(each)) assigned.add(each);
        return;
      }
      case "WhileStatement":
        this.#visit(node.test, assigned, out);
        return this.#maybe([node.body], assigned, out);
      case "DoWhileStatement":
        this.#maybe([node.body], assigned, out);
        return this.#maybe([node.test], assigned, out);
      case "ForStatement":
        if (node.init) this.#visit(node.init, assigned, out);
        if (node.test) this.#visit(node.test, assigned, out);
        this.#maybe([node.body], assigned, out);
        return this.#maybe([node.update], assigned, out);
      case "ForOfStatement":
      case "ForInStatement": {
        this.#visit(node.right, assigned, out);
        const inside = new Set(assigned);
        if (node.left.type === "VariableDeclaration")
          for (const each of node.left.declarations) this.#pattern(each.id, inside, out);
        else this.#pattern(node.left, inside, out);
        return this.#visit(node.body, inside, out);
      }
      case "SwitchStatement":
        this.#visit(node.discriminant, assigned, out);
        for (const each of node.cases) this.#maybe([each.test, ...each.consequent], assigned, out);
        return;
      case "TryStatement":
        this.#maybe([node.block], assigned, out);
        if (node.handler) this.#maybe([node.handler.body], assigned, out);
        return this.#maybe([node.finalizer], assigned, out);
      case "LabeledStatement":
        return this.#maybe([node.body], assigned, out);
      default:
        return forEachChild(node, (child) => this.#visit(child, assigned, out));
    }
  }
}

interface Out {
  readonly uses: Set<Local>;
  readonly writes: Set<Local>;
}
