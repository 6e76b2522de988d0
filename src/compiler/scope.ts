/**
 * Who means what by a name: every identifier of a module (types already stripped) is tied to its binding, or found to be
 * global. One walk collects declarations and uses; uses are resolved afterwards, so hoisting needs no second thought.
 */
import { type FunctionNode, forEachChild, isFunction } from "./ast.ts";
import type { Identifier, Node, Program } from "./babel.ts";

export type BindingKind = "var" | "let" | "const" | "param" | "function" | "class" | "import" | "catch" | "self";

export interface Occurrence {
  readonly identifier: Identifier;
  /** The innermost function around it; null at module level. */
  readonly inside: FunctionNode | null;
}

export interface Binding {
  readonly name: string;
  readonly kind: BindingKind;
  readonly scope: Scope;
  /** The node that declares: a function, class, declarator, import specifier, or the owner of a parameter. */
  readonly node: Node;
  readonly declarations: Identifier[];
  readonly reads: Occurrence[];
  /** Assignments other than the initialiser. */
  readonly writes: Occurrence[];
}

export interface Scope {
  readonly parent: Scope | null;
  readonly node: Node;
  /** The function whose frame holds these names; null for the module. */
  readonly fn: FunctionNode | null;
  readonly takesVar: boolean;
  readonly bindings: Map<string, Binding>;
}

export interface Names {
  /** Of every identifier that declares, reads or writes a declared name. */
  readonly bindingOf: Map<Node, Binding>;
  readonly bindings: Binding[];
  /** Names that nothing in the module declares. */
  readonly globals: Set<string>;
  /** Assignments to such names. */
  readonly globalWrites: Occurrence[];
  /** Every identifier text in the module: what made-up names must avoid. */
  readonly taken: Set<string>;
}

export function resolveNames(program: Program): Names {
  const bindingOf = new Map<Node, Binding>();
  const bindings: Binding[] = [];
  const taken = new Set<string>();
  const globals = new Set<string>();
  const globalWrites: Occurrence[] = [];
  const pending: { identifier: Identifier; scope: Scope; reads: boolean; writes: boolean }[] = [];

  const newScope = (parent: Scope | null, node: Node, fn: FunctionNode | null, takesVar: boolean): Scope => ({
    parent,
    node,
    fn,
    takesVar,
    bindings: new Map(),
  });

  function declare(identifier: Identifier, kind: BindingKind, scope: Scope, node: Node): void {
    taken.add(identifier.name);
    let home = scope;
    if (kind === "var") while (!home.takesVar && home.parent !== null) home = home.parent;
    let binding = home.bindings.get(identifier.name);
    if (binding === undefined) {
      binding = { name: identifier.name, kind, scope: home, node, declarations: [], reads: [], writes: [] };
      home.bindings.set(identifier.name, binding);
      bindings.push(binding);
    }
    binding.declarations.push(identifier);
    bindingOf.set(identifier, binding);
  }

  function use(identifier: Identifier, scope: Scope, reads: boolean, writes: boolean): void {
    taken.add(identifier.name);
    pending.push({ identifier, scope, reads, writes });
  }

  /** A pattern that declares (`kind`) or assigns (null). Computed keys and defaults in it are ordinary code. */
  function pattern(node: Node, scope: Scope, kind: BindingKind | null, owner: Node): void {
    switch (node.type) {
      case "Identifier":
        if (kind === null) use(node, scope, false, true);
        else declare(node, kind, scope, owner);
        return;
      case "AssignmentPattern":
        pattern(node.left, scope, kind, owner);
        visit(node.right, scope);
        return;
      case "RestElement":
        pattern(node.argument, scope, kind, owner);
        return;
      case "ArrayPattern":
        for (const each of node.elements) if (each) pattern(each, scope, kind, owner);
        return;
      case "ObjectPattern":
        for (const each of node.properties) {
          if (each.type === "RestElement") pattern(each.argument, scope, kind, owner);
          else {
            if (each.computed) visit(each.key, scope);
            pattern(each.value, scope, kind, owner);
          }
        }
        return;
      default:
        visit(node, scope);
    }
  }

  function visitFunction(node: FunctionNode, outer: Scope): void {
    let around = outer;
    if (node.type === "FunctionExpression" && node.id) {
      around = newScope(outer, node, outer.fn, false);
      declare(node.id, "self", around, node);
    }
    if ("key" in node && node.computed) visit(node.key, outer);
    const scope = newScope(around, node, node, true);
    for (const each of node.params) pattern(each, scope, "param", node);
    if (node.body.type === "BlockStatement") visitAll(node.body.body, scope);
    else visit(node.body, scope);
  }

  function visitAll(nodes: readonly Node[], scope: Scope): void {
    for (const each of nodes) visit(each, scope);
  }

  const inner = (scope: Scope, node: Node): Scope => newScope(scope, node, scope.fn, false);
  const children = (node: Node, scope: Scope): void => forEachChild(node, (child) => visit(child, scope));

  function visit(node: Node, scope: Scope): void {
    if (isFunction(node)) {
      if (node.type === "FunctionDeclaration" && node.id) declare(node.id, "function", scope, node);
      return visitFunction(node, scope);
    }
    switch (node.type) {
      case "Identifier":
        return use(node, scope, true, false);
      case "VariableDeclaration":
        for (const each of node.declarations) {
          const kind = node.kind === "var" ? "var" : node.kind === "let" ? "let" : "const";
          pattern(each.id, scope, kind, each);
          if (each.init) visit(each.init, scope);
        }
        return;
      case "ClassDeclaration":
      case "ClassExpression": {
        if (node.type === "ClassDeclaration" && node.id) declare(node.id, "class", scope, node);
        const own = inner(scope, node);
        if (node.type === "ClassExpression" && node.id) declare(node.id, "self", own, node);
        if (node.superClass) visit(node.superClass, own);
        return children(node.body, own);
      }
      case "ClassProperty":
      case "ObjectProperty":
        if (node.computed) visit(node.key, scope);
        if (node.value) visit(node.value, scope);
        return;
      case "ClassPrivateProperty":
        if (node.value) visit(node.value, scope);
        return;
      case "StaticBlock":
        return visitAll(node.body, newScope(scope, node, scope.fn, true));
      case "BlockStatement":
        return children(node, inner(scope, node));
      case "ForStatement":
        return children(node, inner(scope, node));
      case "ForInStatement":
      case "ForOfStatement": {
        const own = inner(scope, node);
        if (node.left.type === "VariableDeclaration") visit(node.left, own);
        else pattern(node.left, own, null, node);
        visit(node.right, own);
        return visit(node.body, own);
      }
      case "SwitchStatement": {
        visit(node.discriminant, scope);
        const own = inner(scope, node);
        return visitAll(node.cases, own);
      }
      case "CatchClause": {
        const own = inner(scope, node);
        if (node.param) pattern(node.param, own, "catch", node);
        return visitAll(node.body.body, own);
      }
      case "AssignmentExpression":
        if (node.left.type === "Identifier") use(node.left, scope, node.operator !== "=", true);
        else pattern(node.left, scope, null, node);
        return visit(node.right, scope);
      case "UpdateExpression":
        if (node.argument.type === "Identifier") return use(node.argument, scope, true, true);
        return visit(node.argument, scope);
      case "MemberExpression":
      case "OptionalMemberExpression":
        visit(node.object, scope);
        if (node.computed) visit(node.property, scope);
        return;
      case "LabeledStatement":
        return visit(node.body, scope);
      case "BreakStatement":
      case "ContinueStatement":
      case "MetaProperty":
        return;
      case "ImportDeclaration":
        for (const each of node.specifiers) declare(each.local, "import", scope, each);
        return;
      case "ExportNamedDeclaration":
        if (node.declaration) visit(node.declaration, scope);
        else if (!node.source)
          for (const each of node.specifiers) if (each.type === "ExportSpecifier") visit(each.local, scope);
        return;
      case "ExportAllDeclaration":
        return;
      default:
        return children(node, scope);
    }
  }

  visitAll(program.body, newScope(null, program, null, true));
  for (const { identifier, scope, reads, writes } of pending) {
    let home: Scope | null = scope;
    while (home !== null && !home.bindings.has(identifier.name)) home = home.parent;
    const binding = home?.bindings.get(identifier.name);
    if (binding === undefined) {
      globals.add(identifier.name);
      if (writes) globalWrites.push({ identifier, inside: scope.fn });
      continue;
    }
    bindingOf.set(identifier, binding);
    const occurrence = { identifier, inside: scope.fn };
    if (reads) binding.reads.push(occurrence);
    if (writes) binding.writes.push(occurrence);
  }
  return { bindingOf, bindings, globals, globalWrites, taken };
}
