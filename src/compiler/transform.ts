/**
 * Replaces the task functions of a module:
 *
 *   function name(a, b) {                                 pushes a frame of its own on the running task's stack,
 *     if ($room.left === 0) return $enter($code_name, a, b);
 *     $room.left--;                                       or is run at once where the machine allows that
 *     const $v = $straight_name(a, b);
 *     $room.left++;
 *     return $v;
 *   }
 *   const $code_name = $define({ … }, ($W, $f, $l, $v) => { … }, $straight_name)   before everything else of the block around it
 *
 * Expressions and methods become `(() => { const $code = …; return (a, b) => { …as above… }; })()`.
 */
import {
  binary,
  block,
  call,
  declare,
  type FunctionNode,
  id,
  ifThen,
  isFunction,
  literal,
  located,
  member,
  num,
  replaceChildren,
  statement,
} from "./ast.ts";
import type {
  BlockStatement,
  Expression,
  FunctionDeclaration,
  MemberExpression,
  Node,
  ObjectMethod,
  Program,
  Statement,
} from "./babel.ts";
import { type FileContext, freshName } from "./context.ts";
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
    const straightName = freshName(file.names.taken, `$straight_${name.replace(/\W/g, "_")}`);
    const { meta, step, straight, before, params } = compileTask(node, name, file, { straight: straightName, code });
    metas.push(meta);
    const defined = call(id(file.runtime.define), literal(meta), step, ...(straight ? [id(straightName)] : []));
    const { enter, room, v } = file.runtime;
    const left = (): MemberExpression => member(id(room), "left");
    const change = (operator: "--" | "++"): Statement =>
      statement({ type: "UpdateExpression", operator, prefix: false, argument: left() });
    return {
      definition: [...before, ...(straight === null ? [] : [straight]), declare("const", [code, defined])],
      body: (names) => {
        const args = names.map(id);
        const entered: Statement = { type: "ReturnStatement", argument: call(id(enter), id(code), ...args) };
        if (straight === null) return block([entered]);
        return block([
          ifThen(binary("===", left(), num(0)), entered),
          change("--"),
          declare("const", [v, call(id(straightName), ...args)]),
          change("++"),
          { type: "ReturnStatement", argument: id(v) },
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
