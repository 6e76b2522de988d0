/**
 * Replaces the task functions of a module:
 *
 *   function name(a, b) {                                    pushes a frame of its own on the running task's stack,
 *     const $f = $direct($code_name);                        and runs it at once where the machine allows that
 *     return $f === 0 ? $enter($code_name, a, b) : $code_name.step($words, $f, -1, void 0, a, b);
 *   }
 *   const $code_name = $define({ … }, ($W, $f, $l, $v, a, b) => { … })   before everything else of the block around it
 *
 * Expressions and methods become `(() => { const $code = …; return (a, b) => { …as above… }; })()`.
 */
import {
  binary,
  block,
  call,
  conditional,
  declare,
  type FunctionNode,
  id,
  isFunction,
  literal,
  located,
  member,
  num,
  replaceChildren,
  undefinedValue,
} from "./ast.ts";
import type {
  BlockStatement,
  Expression,
  FunctionDeclaration,
  Node,
  ObjectMethod,
  Program,
  Statement,
} from "./babel.ts";
import { type FileContext, freshName } from "./context.ts";
import { entryWithArguments } from "./layout.ts";
import { compileTask, type TaskMeta } from "./task.ts";

/** Changes `program` in place; answers what the machine will know about each task function. */
export function replaceTasks(
  file: FileContext,
  program: Program,
  tasks: ReadonlyMap<FunctionNode, string>,
): TaskMeta[] {
  const metas: TaskMeta[] = [];

  /** Statements that define the task function, and the body of the function that the author's code calls. */
  function compile(
    node: FunctionNode,
    name: string,
  ): { definition: Statement[]; body: (params: string[]) => BlockStatement; params: string[] } {
    const code = freshName(file.names.taken, `$code_${name.replace(/\W/g, "_")}`);
    const { meta, step, before, params } = compileTask(node, name, file, code);
    metas.push(meta);
    const defined = call(id(file.runtime.define), literal(meta), step);
    const { enter, direct, words, f } = file.runtime;
    return {
      definition: [...before, declare("const", [code, defined])],
      body: (names) => {
        const args = names.map(id);
        const step = call(
          member(id(code), "step"),
          id(words),
          id(f),
          num(entryWithArguments),
          undefinedValue(),
          ...args,
        );
        const entered = call(id(enter), id(code), ...args);
        return block([
          declare("const", [f, call(id(direct), id(code))]),
          { type: "ReturnStatement", argument: conditional(binary("===", id(f), num(0)), entered, step) },
        ]);
      },
      params: [...params],
    };
  }

  function asExpression(node: FunctionNode, name: string): Expression {
    const { definition, body: bodyOf, params } = compile(node, name);
    const body = bodyOf(params);
    const own: Expression =
      node.type === "FunctionExpression" && node.id
        ? { type: "FunctionExpression", id: node.id, params: params.map(id), body, generator: false, async: false }
        : { type: "ArrowFunctionExpression", params: params.map(id), body, async: false, expression: false };
    const returned: Statement = { type: "ReturnStatement", argument: own };
    const made: Expression = {
      type: "ArrowFunctionExpression",
      params: [],
      body: block([...definition, returned]),
      async: false,
      expression: false,
    };
    if (node.type === "FunctionExpression" && node.id) {
      // The body may call itself by its own name: it must be declared around the step.
      const declaration: FunctionDeclaration = {
        ...(own as Expression & { type: "FunctionExpression" }),
        type: "FunctionDeclaration",
      };
      made.body = block([declaration, ...definition, { type: "ReturnStatement", argument: { ...node.id } }]);
    }
    return located(call(made), node);
  }

  function asProperty(node: ObjectMethod, name: string): Node {
    return located(
      {
        type: "ObjectProperty",
        key: node.key,
        value: asExpression(node, name),
        computed: node.computed,
        shorthand: false,
      },
      node,
    );
  }

  /** `home` collects the definitions of the nearest list of statements. */
  function visit(node: Node, home: Statement[]): Node {
    const name = isFunction(node) ? tasks.get(node) : undefined;
    if (name !== undefined) {
      switch (node.type) {
        case "FunctionDeclaration": {
          const { definition, body, params } = compile(node, name);
          home.push(...definition);
          return { ...node, params: params.map(id), body: body(params), generator: false };
        }
        case "FunctionExpression":
          return asExpression(node, name);
        case "ObjectMethod":
          return asProperty(node, name);
        default:
          return node;
      }
    }
    const list = statementsOf(node);
    if (list === null) {
      replaceChildren(node, (child) => visit(child, home));
      return node;
    }
    const definitions: Statement[] = [];
    replaceChildren(node, (child) => visit(child, definitions));
    const imports = list.findLastIndex((each) => each.type === "ImportDeclaration") + 1;
    list.splice(imports, 0, ...definitions);
    return node;
  }

  visit(program, program.body);
  return metas;
}

function statementsOf(node: Node): Statement[] | null {
  switch (node.type) {
    case "Program":
    case "BlockStatement":
    case "StaticBlock":
      return node.body;
    default:
      return null;
  }
}
