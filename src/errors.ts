/**
 * Every error that Mayfail reports to its user, in one sorted table: what is wrong in one sentence, what to do in another.
 *
 *   MF01xx command line and files      MF02xx machine: set-up and misuse     MF03xx compiler
 *   MF04xx search and schedules        MF05xx memory management
 *
 * To add one: append a row with the next free number of its range, `{name}` for what the message must fill in, and run
 * `npm run docs`. A number once released is never given another meaning.
 */
interface ErrorRow {
  /** One sentence: what is wrong. `{name}` is replaced by the parameter of that name. */
  readonly says: string;
  /** One sentence: what to do about it. */
  readonly remedy: string;
}

export const errorTable = {
  MF0101: { says: 'There is no command "{command}"{hint}.', remedy: "Run `mayfail --help` for the list of commands." },
  MF0102: { says: "{problem}.", remedy: "Run `mayfail{command} --help` for the usage." },
  MF0103: { says: 'The option {option} wants {wanted}, not "{value}".', remedy: "Give it {wanted}." },
  MF0104: { says: "The file {file} cannot be read ({reason}).", remedy: "Check the path and the permissions." },
  MF0105: {
    says: 'There is no case "{name}"{hint}.',
    remedy: "Run `mayfail atlas --list` for the cases, or give the path of a .ts file.",
  },
  MF0106: { says: 'The case {name} has no variant "{variant}"{hint}.', remedy: "Choose one of: {variants}." },
  MF0107: { says: "The file {file} does not export a case.", remedy: "Add `export default defineCase(…)` to it." },
  MF0108: {
    says: "The file {file} could not be loaded: {reason}.",
    remedy: "Mend what the message says and run the command again.",
  },
  MF0109: {
    says: "Mayfail itself failed: {reason}.",
    remedy: "Run the command again with --debug and report what it prints.",
  },
  MF0110: {
    says: "{what} did not end within {seconds} s.",
    remedy: "Look for a loop without a yield* there, or give it more time with --patience.",
  },
  MF0111: {
    says: "The thread that runs the task code has ended: {reason}.",
    remedy: "Look for process.exit() and for memory that grows without bound in the file.",
  },
  MF0112: {
    says: "The set-up of {case} failed: {reason}.",
    remedy: "Mend the set-up function of the case; --debug shows the stack.",
  },
  MF0113: {
    says: "The file {file} exports no workload.",
    remedy: "Export its task function as default, as in `export default function* name(): Task`.",
  },
  MF0114: {
    says: 'There is no workload "{name}" with a record{hint}.',
    remedy: "Choose one of: {known}.",
  },
  MF0115: {
    says: "The folder {folder} has no {what}.",
    remedy: "Give the folder that contains them; see conformance/README.md for what they are.",
  },
  MF0116: {
    says: "The record {file} is malformed ({reason}).",
    remedy: "Record it again, or copy it again in full.",
  },
  MF0117: {
    says: 'There is no pressure job "{name}" with a record{hint}.',
    remedy: "Choose one of: {known}.",
  },
  MF0118: {
    says: 'There is no allocation mask "{name}"{hint}.',
    remedy: "Join names of this list by |: {known}.",
  },

  MF0119: {
    says: "The file {file} cannot be written ({reason}).",
    remedy: "Give --output the path of a file in a folder that exists.",
  },
  MF0120: {
    says: "The file {file} describes no driver.",
    remedy: "Export the result of defineDriver, as docs/tutorial.md shows, or check the file without --driver.",
  },
  MF0121: {
    says: 'The word "{name}" cannot be the name of a driver.',
    remedy: "Begin with a letter and go on with at most 39 letters, digits, - and _, as in my-driver.",
  },
  MF0122: {
    says: "The file {file} exists already, and nothing was overwritten.",
    remedy: "Choose another name, or move the file away.",
  },
  MF0123: {
    says: "The file {file} cannot be written ({reason}).",
    remedy: "Run the command in a folder in which files may be created.",
  },
  MF0201: {
    says: "The variable {variable} of {task} holds {value}, which cannot live in the array across a suspension.",
    remedy:
      "Keep an integer, a boolean, undefined, null or a handle of a declared object there, or let the variable end before the yield*.",
  },
  MF0202: {
    says: "The variable {variable} of {task} holds {value}, outside the range of integers from -2^30 to 2^30 - 1.",
    remedy: "Keep a smaller number, such as an index or a page number, in a variable that lives across a yield*.",
  },
  MF0203: {
    says: "The stack of the task {task} overflowed: {needed} words are needed and {size} are there.",
    remedy: "Give the task a larger stack when it is spawned, or look for a recursion without end.",
  },
  MF0204: {
    says: "The task function {task} was called outside of a running task.",
    remedy: "Call it with yield* from task code, or start it with spawn().",
  },
  MF0205: {
    says: "The task {task} suspended without anything to wait for.",
    remedy: "Use yield* only on task functions and on the operations of the machine.",
  },
  MF0206: {
    says: "{what} was declared after the machine was sealed.",
    remedy: "Declare all structs, columns, locks and tasks in the set-up of the case.",
  },
  MF0207: {
    says: 'The field {field} names the guard "{guard}", which does not exist.',
    remedy: "Name a lock field of the same struct or a declared lock: {guards}.",
  },
  MF0208: {
    says: "The task {task} ran {steps} local steps without reaching a scheduling point.",
    remedy: "Wait with until() instead of polling, or declare the field that the loop reads as racy.",
  },
  MF0209: {
    says: "{what} was asked for while no machine is being set up.",
    remedy: "Create objects and tasks inside the set-up function of the case.",
  },
  MF0210: {
    says: "The machine has more than {limit} task slots.",
    remedy: "Use fewer tasks, or fewer reserved children.",
  },
  MF0211: {
    says: "The task {task} called {what} without yield*, or while another operation was pending.",
    remedy:
      "Write `yield*` before every call of an operation or of a task function, and call them from task code only.",
  },
  MF0212: {
    says: "The column {field} must say either which lock guards it or which protocol orders its accesses.",
    remedy:
      "Give column() either the option guardedBy, a function that returns the lock, or the option ordered, a sentence.",
  },
  MF0213: {
    says: "There is no {field}[{index}] in columns of {count} objects.",
    remedy: "Use the name of a declared column and an index from 0 to the number of objects minus one.",
  },
  MF0214: {
    says: "{field} was given {value}, which it cannot hold.",
    remedy:
      "Give it a 32-bit integer, a boolean, null, or an object that was declared in the set-up, as it is declared.",
  },
  MF0215: {
    says: "The boot {boot} {why}.",
    remedy: "A boot runs alone, before all tasks: let it do only what can be done at once, and the rest in a task.",
  },

  MF0301: { says: "The file cannot be parsed: {reason}.", remedy: "Mend the syntax." },
  MF0302: {
    says: "A plain `yield` stands in the task function {task}.",
    remedy: "Use `yield*` with a task function or an operation such as lock(), until() or choose().",
  },
  MF0303: {
    says: "The task function {task} assigns to {variable}, which belongs to an outer scope and would be hidden state.",
    remedy: "Put it into a field of a struct, or make it a local variable of the task.",
  },
  MF0304: {
    says: "The task function {task} reads {variable}, which is assigned again after its declaration and would be hidden state.",
    remedy: "Declare it with const, or put it into a field of a struct.",
  },
  MF0305: {
    says: "An async function stands in a file of task code.",
    remedy: "Task code waits with yield*; move asynchronous code to another file.",
  },
  MF0306: { says: "The task function {task} uses `arguments`.", remedy: "Name its parameters." },
  MF0307: { says: "The task function {task} uses `this`.", remedy: "Pass the object as a parameter." },
  MF0308: {
    says: "The task function {inner} is declared inside the task function {task}.",
    remedy: "Move it out, and pass what it needs as parameters.",
  },
  MF0309: {
    says: "The first argument of until() in {task} is not an arrow function with an expression body.",
    remedy: "Write `yield* until(() => condition)`.",
  },
  MF0310: {
    says: "The task function {task} is too large: it has {count} {what} and {limit} are possible.",
    remedy: "Split it into several task functions.",
  },
  MF0311: {
    says: "The file contains {what}, which is more than a type to be taken out.",
    remedy: "Use plain JavaScript for it: a const object, a module, or a field.",
  },
  MF0312: {
    says: "The `yield*` in {task} is not followed by a call.",
    remedy: "Write `yield* name(arguments)` with a task function or an operation.",
  },
  MF0313: {
    says: "The task function {task} calls the task function {callee} without `yield*`.",
    remedy: "Write `yield* {callee}(…)`.",
  },
  MF0314: {
    says: "The task function {task} has a rest parameter, which would be an array made at run time.",
    remedy: "Name its parameters.",
  },
  MF0315: {
    says: "The task function {task} is a method of a class.",
    remedy: "Make it a function or a method of an object literal, and pass the object as a parameter.",
  },
  MF0316: {
    says: "A for…in loop of {task} contains a `yield*`.",
    remedy: "Loop over an array of the keys that is made in the set-up.",
  },
  MF0317: {
    says: "In {task} a `yield*` stands {where}, where the function cannot be suspended.",
    remedy: "Do the `yield*` in a statement before it and keep the result in a variable.",
  },
  MF0318: {
    says: "In {task} until() is used without `yield*` directly before it.",
    remedy: "Write `yield* until(() => condition)`.",
  },
  MF0319: {
    says: 'The import "{specifier}" cannot be resolved: {reason}.',
    remedy: "Check the path, with its extension, or install the package beside the file.",
  },
  MF0320: {
    says: 'The module "{specifier}" does not export "{name}".',
    remedy: "Check the spelling, or import it from the module that has it.",
  },
  MF0321: {
    says: "The condition of an until() in {task} changes something.",
    remedy: "Let it only read: it is tested at any time, any number of times.",
  },

  MF0401: {
    says: 'The schedule "{schedule}" is malformed: {reason}.',
    remedy: "Copy it again, in full, from the report.",
  },
  MF0402: {
    says: "The schedule does not fit the program: at step {step}, {reason}.",
    remedy: "Replay it with the case, the variant and the version that it was made with.",
  },
  MF0403: {
    says: "The bound {bound} is {value}, which is not possible.",
    remedy: "Give a whole number of at least {least}.",
  },

  MF0501: { says: 'There is no preset of rules "{preset}".', remedy: "Choose one of: {presets}." },
  MF0502: {
    says: "The kernel of the case has {frames} page frames, and its set-up populates more pages.",
    remedy: "Give createKernel more frames.",
  },
  MF0503: {
    says: 'The rules have no switch "{name}".',
    remedy: "Choose one of: {names}.",
  },
  MF0504: {
    says: 'The switch {name} of the rules cannot be "{value}".',
    remedy: "Choose one of: {values}.",
  },
  MF0505: {
    says: 'There is no driver "{driver}" with versions to choose from.',
    remedy: "Choose one of: {drivers}.",
  },
  MF0506: {
    says: 'The driver {driver} has no {what} "{name}".',
    remedy: "Choose one of: {names}.",
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

/** A place in a source file; line and column count from 1. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

type NamesIn<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;
/** What the two sentences of a row must be given. */
export type ErrorParams<Code extends ErrorCode> = {
  readonly [Name in NamesIn<(typeof errorTable)[Code]["says"] | (typeof errorTable)[Code]["remedy"]>]: string | number;
};

/** An error that the user can do something about. Its message is `MF0123: file:line:column: sentence. Remedy.` */
export class MayfailError extends Error {
  readonly code: ErrorCode;
  /** What is wrong, in one sentence, without code and place. */
  readonly sentence: string;
  readonly remedy: string;
  readonly where: SourcePlace | undefined;

  constructor(code: ErrorCode, sentence: string, remedy: string, where?: SourcePlace) {
    super(`${code}: ${where === undefined ? "" : `${formatPlace(where)}: `}${sentence} ${remedy}`);
    this.name = "MayfailError";
    this.code = code;
    this.sentence = sentence;
    this.remedy = remedy;
    this.where = where;
  }
}

/**
 * The error `code` with its sentences filled in. The types demand exactly the parameters that the row names.
 * The caller throws it: `throw mayfailError("MF0306", { task: "getPages" }, place)`.
 */
export function mayfailError<Code extends ErrorCode>(
  code: Code,
  params: ErrorParams<Code>,
  where?: SourcePlace,
): MayfailError {
  const row: ErrorRow = errorTable[code];
  return new MayfailError(code, fill(row.says, params), fill(row.remedy, params), where);
}

export function formatPlace(place: SourcePlace): string {
  return `${place.file}:${place.line}:${place.column}`;
}

function fill(template: string, params: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (hole, name: string) =>
    Object.hasOwn(params, name) ? String(params[name]) : hole,
  );
}
