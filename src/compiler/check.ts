/** What task code must not do, found before anything is compiled. Each finding is a numbered error with its place. */
import { directivesOf, type FunctionNode, forEachChild, isFunction, walk } from "./ast.ts";
import type { Node, Program } from "./babel.ts";
import { type FileContext, fail } from "./context.ts";
import type { Binding } from "./scope.ts";
import { isUntilName } from "./until.ts";

/** At the beginning of a function, or of a whole file. */
const plain = "use plain generator";

/** A generator function is task code unless its author says otherwise. */
export function isTask(node: FunctionNode): boolean {
  return node.type !== "ArrowFunctionExpression" && node.generator === true && !directivesOf(node).includes(plain);
}

/** Task functions by node, with the names that reports give them. */
export function findTasks(program: Program): Map<FunctionNode, string> {
  const tasks = new Map<FunctionNode, string>();
  if (program.directives.some((each) => each.value.value === plain)) return tasks;
  const visit = (node: Node, hint: string): void => {
    if (isFunction(node)) {
      if (isTask(node)) tasks.set(node, nameOf(node, hint));
      hint = nameOf(node, hint);
    }
    forEachChild(node, (child) => visit(child, hintFor(node, hint)));
  };
  visit(program, "anonymous");
  return tasks;
}

/** The name that JavaScript gives to a function by where it stands. */
function hintFor(parent: Node, hint: string): string {
  switch (parent.type) {
    case "VariableDeclarator":
      return parent.id.type === "Identifier" ? parent.id.name : hint;
    case "ObjectProperty":
    case "ClassProperty":
      return keyText(parent.key) ?? hint;
    case "AssignmentExpression":
      return parent.left.type === "Identifier" ? parent.left.name : hint;
    case "ExportDefaultDeclaration":
      return "default";
    default:
      return hint;
  }
}

function nameOf(node: FunctionNode, hint: string): string {
  if ("id" in node && node.id) return node.id.name;
  return ("key" in node ? keyText(node.key) : undefined) ?? hint;
}

function keyText(key: Node): string | undefined {
  if (key.type === "Identifier") return key.name;
  if (key.type === "StringLiteral") return key.value;
  return key.type === "PrivateName" ? `#${key.id.name}` : undefined;
}

/** Raises MF0302 … MF0318 for the first rule that the file breaks. */
export function checkFile(file: FileContext, program: Program, tasks: ReadonlyMap<FunctionNode, string>): void {
  if (tasks.size === 0) return;
  walk(program, (node) => {
    if (isFunction(node) && node.async) fail(file.filename, node, "MF0305", {});
    return true;
  });
  const taskOf = taskBindings(file, tasks);
  for (const [node, task] of tasks) {
    if (node.type === "ClassMethod" || node.type === "ClassPrivateMethod")
      fail(file.filename, node, "MF0315", { task });
    for (const each of node.params) if (each.type === "RestElement") fail(file.filename, each, "MF0314", { task });
    checkBody(file, node, task, taskOf);
    checkNested(file, node, task, tasks);
  }
  checkOuterNames(file, tasks);
}

/** Names that stand for a task function of this file and nothing else. */
function taskBindings(file: FileContext, tasks: ReadonlyMap<FunctionNode, string>): Map<Binding, string> {
  const found = new Map<Binding, string>();
  for (const binding of file.names.bindings) {
    const declared = binding.node.type === "VariableDeclarator" ? binding.node.init : binding.node;
    const task = declared && isFunction(declared) && binding.kind !== "param" ? tasks.get(declared) : undefined;
    if (task !== undefined) found.set(binding, task);
  }
  return found;
}

function checkBody(file: FileContext, task: FunctionNode, name: string, taskOf: ReadonlyMap<Binding, string>): void {
  const { filename, names } = file;
  const visit = (node: Node, delegated: boolean, ownThis: boolean, ownCode: boolean): void => {
    switch (node.type) {
      case "YieldExpression":
        if (ownCode && !node.delegate) fail(filename, node, "MF0302", { task: name });
        return node.argument ? visit(node.argument, true, ownThis, ownCode) : undefined;
      case "ThisExpression":
      case "Super":
        return ownThis ? fail(filename, node, "MF0307", { task: name }) : undefined;
      case "Identifier":
        if (ownThis && node.name === "arguments" && !names.bindingOf.has(node))
          fail(filename, node, "MF0306", { task: name });
        if (isUntilName(names, node)) fail(filename, node, "MF0318", { task: name });
        return;
      case "CallExpression": {
        const binding = names.bindingOf.get(node.callee);
        const callee = binding === undefined ? undefined : taskOf.get(binding);
        if (ownCode && !delegated && callee !== undefined) fail(filename, node, "MF0313", { task: name, callee });
        if (delegated && isUntilName(names, node.callee)) {
          for (const each of node.arguments) visit(each, false, ownThis, ownCode);
          return;
        }
        break;
      }
      case "ConditionalExpression":
        visit(node.test, false, ownThis, ownCode);
        visit(node.consequent, delegated, ownThis, ownCode);
        return visit(node.alternate, delegated, ownThis, ownCode);
      case "MemberExpression":
      case "OptionalMemberExpression":
        visit(node.object, false, ownThis, ownCode);
        if (node.computed) visit(node.property, false, ownThis, ownCode);
        return;
      case "ObjectProperty":
        if (node.computed) visit(node.key, false, ownThis, ownCode);
        return visit(node.value, false, ownThis, ownCode);
      default:
        break;
    }
    if (isFunction(node)) {
      const keepsThis = node.type === "ArrowFunctionExpression" && ownThis;
      forEachChild(node, (child) => visit(child, false, keepsThis, false));
    } else forEachChild(node, (child) => visit(child, false, ownThis, ownCode));
  };
  forEachChild(task, (child, key) => {
    if (key !== "id" && key !== "key") visit(child, false, true, true);
  });
}

function checkNested(
  file: FileContext,
  task: FunctionNode,
  name: string,
  tasks: ReadonlyMap<FunctionNode, string>,
): void {
  walk(task, (node) => {
    const inner = node !== task && isFunction(node) ? tasks.get(node) : undefined;
    if (inner !== undefined) fail(file.filename, node, "MF0308", { inner, task: name });
    return true;
  });
}

/**
 * A variable outside of the array is the same for all copies of the state. Task code may read one that was settled
 * during set-up, by the function that declares it; it may not depend on one that anybody changes later.
 */
function checkOuterNames(file: FileContext, tasks: ReadonlyMap<FunctionNode, string>): void {
  const parents = functionParents(tasks.keys());
  const taskAround = (inside: FunctionNode | null): FunctionNode | undefined => {
    for (let at = inside; at !== null; at = parents.get(at) ?? null) if (tasks.has(at)) return at;
    return undefined;
  };
  for (const { identifier, inside } of file.names.globalWrites) {
    const task = taskAround(inside);
    if (task !== undefined)
      fail(file.filename, identifier, "MF0303", { task: tasks.get(task) ?? "?", variable: identifier.name });
  }
  for (const binding of file.names.bindings) {
    const { fn } = binding.scope;
    if (fn !== null && taskAround(fn) !== undefined && binding.kind !== "self") continue;
    for (const write of binding.writes) {
      const task = taskAround(write.inside);
      if (task !== undefined)
        fail(file.filename, write.identifier, "MF0303", { task: tasks.get(task) ?? "?", variable: binding.name });
    }
    if (!binding.writes.some((write) => write.inside !== fn)) continue;
    for (const read of binding.reads) {
      const task = taskAround(read.inside);
      if (task !== undefined)
        fail(file.filename, read.identifier, "MF0304", { task: tasks.get(task) ?? "?", variable: binding.name });
    }
  }
}

/** For each function inside of a task, the function around it. */
function functionParents(tasks: Iterable<FunctionNode>): Map<FunctionNode, FunctionNode> {
  const parents = new Map<FunctionNode, FunctionNode>();
  const visit = (node: Node, around: FunctionNode): void => {
    if (isFunction(node) && node !== around) {
      parents.set(node, around);
      around = node;
    }
    forEachChild(node, (child) => visit(child, around));
  };
  for (const task of tasks) visit(task, task);
  return parents;
}
