"use plain generator";
/**
 * Random programs of task code. Every choice is taken from a list of bytes, and 0 when it is used up, so a shorter or
 * smaller list is a simpler program: a property that fails shrinks to the construct that is to blame.
 */
export const programObjects = {
  LIST: [3, 1, 4],
  PAIRS: [
    [1, 2],
    [5, 7],
  ],
  OBJ: {
    boom: (x: unknown): unknown => {
      if (x) throw x;
      return x;
    },
    p: 6,
    q: { r: 2 },
    list: [8, 9],
    add: (a: number, b: number): number => (((a | 0) + (b | 0)) | 0) % 1009,
  },
  // Objects inside of others that a for…of or a member expression keeps must be known to the machine, too.
};
export const internedObjects: Record<string, object> = {
  ...programObjects,
  $q: programObjects.OBJ.q,
  $list: programObjects.OBJ.list,
  $pair0: programObjects.PAIRS[0] as object,
  $pair1: programObjects.PAIRS[1] as object,
};

interface Where {
  readonly vars: readonly string[];
  readonly around: readonly { readonly label: string; readonly kind: "loop" | "switch" | "block" }[];
  /** Inside of a try block of this function that has a catch clause. */
  readonly catches: boolean;
  readonly fn: number;
  readonly helpers: readonly string[];
}

export function programFrom(bytes: readonly number[]): string {
  let at = 0;
  let names = 0;
  let size = 0;
  const choose = (n: number): number => (bytes[at++] ?? 0) % n;
  const fresh = (base: string): string => `${base}${names++}`;
  const tired = (depth: number): boolean => depth <= 0 || at >= bytes.length || size > 150;

  function variable(w: Where): string {
    return w.vars[choose(w.vars.length)] as string;
  }

  function expression(w: Where, depth: number, suspend: boolean): string {
    size++;
    const e = (): string => expression(w, depth - 1, suspend);
    if (tired(depth)) return choose(2) === 0 ? variable(w) : String(choose(6));
    switch (choose(32)) {
      case 0:
      case 1:
        return variable(w);
      case 2:
        return String(choose(20) - 4);
      case 3:
      case 4:
        return `((${e()} ${["+", "-", "*"][choose(3)]} ${e()} | 0) % 1009)`;
      case 5:
        return `(${e()} ${["<", ">=", "===", "!=="][choose(4)]} ${e()})`;
      case 6:
      case 7:
        return `(${e()} ${["&&", "||", "??"][choose(3)]} ${e()})`;
      case 8:
        return `(${e()} ? ${e()} : ${e()})`;
      case 9:
        return `note(${e()})`;
      case 10:
        if (w.catches && choose(3) === 0) return `OBJ.boom(${e()})`;
        return `OBJ.add(${e()}, ${e()})`;
      case 11:
        return `(${variable(w)} = ${e()})`;
      case 12:
        return `(${variable(w)} ${["|=", "^=", "&="][choose(3)]} ${e()} | 0)`;
      case 13:
        return `(${variable(w)} ${["&&=", "||=", "??="][choose(3)]} ${e()})`;
      case 14:
        return `[${e()}, ${e()}][${choose(2)}]`;
      case 15:
        return `\`\${${e()}}:\${${e()}}\`.length`;
      case 16:
        return `OBJ.list[${e()} & 1]`;
      case 17:
        return `{ m: ${e()}, [${e()}]: ${e()} }.m`.replace(/^/, "(").concat(")");
      case 18:
        return `(${e()}, ${e()})`;
      case 19:
        return `${["!", "-", "typeof "][choose(3)]}(${e()} | 0)`.replace(/^typeof (.*)$/, "(typeof $1).length");
      case 20:
        return choose(2) === 0 ? `OBJ?.add?.(${e()}, ${e()})` : `undefined?.[${e()}].x(${e()})`;
      case 21: {
        const q = fresh("q");
        return `[1, 2].map((${q}) => ${expression({ ...w, vars: [...w.vars, q] }, 1, false)}).length`;
      }
      case 22:
        return w.helpers.length > 0 ? `${w.helpers[choose(w.helpers.length)]}(${e()})` : e();
      default:
        if (!suspend) return e();
        return call(w, depth);
    }
  }

  function call(w: Where, depth: number): string {
    const e = (): string => expression(w, depth - 1, true);
    if (w.fn > 0 && choose(2) === 0) return `(yield* f${choose(w.fn)}(${e()}, ${e()}))`;
    if (choose(8) === 0) return `(yield* (${e()} ? op(${e()}) : op(1, ${e()})))`;
    return `(yield* op(${e()}))`;
  }

  function body(w: Where, depth: number): string {
    const inner = { ...w, vars: [...w.vars], helpers: [...w.helpers] };
    const count = 1 + choose(4);
    let text = "";
    for (let i = 0; i < count; i++) text += `${statementOf(inner, depth)}\n`;
    return text;
  }

  function loopOf(w: Where, make: (label: string, inner: Where) => string): string {
    const label = fresh("L");
    const inner = { ...w, around: [...w.around, { label, kind: "loop" as const }] };
    return `${label}: ${make(label, inner)}`;
  }

  function statementOf(w: Where & { vars: string[]; helpers: string[] }, depth: number): string {
    size++;
    const e = (): string => expression(w, 2, true);
    if (tired(depth)) return `note(${variable(w)});`;
    switch (choose(32)) {
      case 0:
        return `note(${e()});`;
      case 1:
      case 2:
        return `${variable(w)} = ${e()};`;
      case 3: {
        // Shadows an outer name half of the time.
        const name = choose(2) === 0 ? fresh("v") : variable(w);
        const value =
          choose(4) === 0
            ? ""
            : ` = ${expression({ ...w, vars: w.vars.filter((each) => each !== name).concat("z") }, 2, true)}`;
        if (w.vars.includes(name)) return `{ let ${name}${value}; note(${name});\n${body(w, depth - 1)}}`;
        w.vars.push(name);
        return `let ${name}${value};`;
      }
      case 4:
      case 5:
        return `if (${e()}) {\n${body(w, depth - 1)}}${choose(2) === 0 ? "" : ` else {\n${body(w, depth - 1)}}`}`;
      case 6:
      case 7:
        return loopOf(w, (_, inner) => {
          const i = fresh("i");
          return `for (let ${i} = 0; ${i} < ${1 + choose(3)}; ${i}++) {\n${body({ ...inner, vars: inner.vars }, depth - 1)}note(${i});\n}`;
        });
      case 8:
        return loopOf(w, (_, inner) => {
          const n = fresh("n");
          return `for (let ${n} = 0; ${n}++ < 3 && ${e()};) {\n${body(inner, depth - 1)}}`;
        });
      case 9: {
        const n = fresh("n");
        return `let ${n} = 0;\n${loopOf(w, (_, inner) => `while (${n}++ < ${1 + choose(2)} && (${e()}, true)) {\n${body(inner, depth - 1)}}`)}`;
      }
      case 10: {
        const n = fresh("n");
        return `let ${n} = 0;\n${loopOf(w, (_, inner) => `do {\n${body(inner, depth - 1)}} while (${n}++ < 2 && ${e()});`)}`;
      }
      case 11: {
        const x = fresh("x");
        return loopOf(
          w,
          (_, inner) =>
            `for (const ${x} of ${["LIST", "OBJ.list"][choose(2)]}) {\n${body({ ...inner, vars: [...inner.vars] }, depth - 1)}note(${x});\n}`,
        );
      }
      case 12: {
        const [x, y] = [fresh("x"), fresh("y")];
        return loopOf(
          w,
          (_, inner) => `for (const [${x}, ${y} = 3] of PAIRS) {\n${body(inner, depth - 1)}note(${x} + ${y});\n}`,
        );
      }
      case 13: {
        const around = [...w.around, { label: "", kind: "switch" as const }];
        const cases = Array.from({ length: 1 + choose(3) }, (_, i) => {
          const test = choose(4) === 0 ? e() : String(i);
          return `case ${test}:\n${body({ ...w, around }, depth - 1)}${choose(2) === 0 ? "break;\n" : ""}`;
        });
        if (choose(2) === 0)
          cases.splice(choose(cases.length + 1), 0, `default:\n${body({ ...w, around }, depth - 1)}`);
        return `switch (${e()}) {\n${cases.join("")}}`;
      }
      case 14:
      case 15: {
        const x = fresh("x");
        const kind = choose(3);
        const inTry = { ...w, catches: w.catches || kind !== 2 };
        const handler = `catch (${x}) {\nnote(${x});\n${body(w, depth - 1)}}`;
        const finalizer = `finally {\n${body(w, depth - 1)}}`;
        const block = `try {\n${body(inTry, depth - 1)}${kind !== 2 && choose(2) === 0 ? `if (${e()}) throw ${variable(w)};\n` : ""}}`;
        return kind === 0
          ? `${block} ${handler}`
          : kind === 1
            ? `${block} ${handler} ${finalizer}`
            : `${block} ${finalizer}`;
      }
      case 16:
        return w.catches ? `if (${e()}) throw ${expression(w, 1, true)};` : `note(${e()});`;
      case 17:
        return `if (${e()}) return ${e()};`;
      case 18:
      case 19: {
        const jumps = w.around.flatMap(({ label, kind }) => [
          ...(label === "" ? [] : [`break ${label}`]),
          ...(kind === "loop" ? [`continue ${label}`, "continue"] : []),
          ...(kind === "block" ? [] : ["break"]),
        ]);
        const jump = jumps[choose(jumps.length || 1)];
        return jump === undefined ? `note(${e()});` : `if (${e()}) ${jump};`;
      }
      case 20: {
        const label = fresh("B");
        return `${label}: {\n${body({ ...w, around: [...w.around, { label, kind: "block" }] }, depth - 1)}if (${e()}) break ${label};\n}`;
      }
      case 21: {
        const [p, r] = [fresh("p"), fresh("r")];
        w.vars.push(p, r);
        return `let { p: ${p}, q: { r: ${r} = 1 } } = OBJ; [${p}, ${r}] = [${r}, ${p}];`;
      }
      case 22: {
        const [h, q] = [fresh("h"), fresh("q")];
        const value = expression({ ...w, vars: [...w.vars, q], catches: false }, 2, false);
        const text = choose(2) === 0 ? value : `(${variable(w)} = ${value})`;
        w.helpers.push(h);
        return choose(2) === 0 ? `const ${h} = (${q}) => ${text};` : `function ${h}(${q}) { return ${text}; }`;
      }
      case 23: {
        const q = fresh("q");
        return `LIST.forEach((${q}) => { ${variable(w)} = ${expression({ ...w, vars: [...w.vars, q] }, 2, false)}; });`;
      }
      default:
        return `${variable(w)} = ${call(w, 2)};`;
    }
  }

  let text = "";
  const functions = choose(3);
  for (let n = 0; n <= functions; n++) {
    const name = n === functions ? "main" : `f${n}`;
    size = 0;
    const w: Where = { vars: ["a", "b", "c"], around: [], catches: false, fn: n, helpers: [] };
    const init = expression({ ...w, vars: ["a"] }, 2, false);
    text += `export function* ${name}(a${choose(3) === 0 ? " = 2" : ""}, b = ${init}) {\nlet c = 1; var z = 0;\n${body(w, 4)}`;
    text += `return ${expression(w, 2, true)};\n}\n`;
  }
  return text;
}
