/** The options of all commands: their names, their values, and the reading of a command line. */
import { type ErrorCode, mayfailError } from "../errors.ts";
import { CALLERS, LOCKS, PAGE_KINDS, SCOPES } from "../mm/gfp/names.ts";
import { hint } from "./suggest.ts";

export interface Options {
  json?: boolean;
  format?: "text" | "mail" | "md" | "html";
  list?: boolean;
  workloads?: string;
  golden?: string;
  pressure?: boolean;
  pins?: boolean;
  mask?: string;
  scope?: string;
  caller?: string;
  page?: string;
  held?: string;
  rules?: string;
  driverVariant?: string;
  driver?: boolean;
  output?: string;
  jobs?: number;
  all?: boolean;
  changes?: boolean;
  seed?: number;
  engine?: "auto" | "stateful" | "dpor";
  maxStates?: number;
  maxSeconds?: number;
  maxMemory?: number;
  workers?: number;
  patience?: number;
  debug?: boolean;
  color?: boolean;
  help?: boolean;
  version?: boolean;
}

export type OptionName = keyof Options;

/** How the text of a value becomes the value; what it wants, for help and errors. */
interface Kind {
  readonly placeholder: string;
  readonly wants: string;
  /** Undefined when the text is no such value. */
  read(text: string): number | string | undefined;
}

interface OptionSpec {
  readonly flag: string;
  /** Missing = a switch. */
  readonly kind?: Kind;
  readonly about: string;
}

function whole(least: number, most: number, placeholder = "N"): Kind {
  return {
    placeholder,
    wants: `a whole number from ${least} to ${most}`,
    read: (text) => {
      const n = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      return n >= least && n <= most ? n : undefined;
    },
  };
}

function seconds(least: number, most: number): Kind {
  return {
    placeholder: "SECONDS",
    wants: `a number of seconds from ${least} to ${most}`,
    read: (text) => {
      const n = /^(\d{1,9}(\.\d{1,6})?|\.\d{1,6})$/.test(text) ? Number(text) : Number.NaN;
      return n >= least && n <= most ? n : undefined;
    },
  };
}

function oneOf(...values: string[]): Kind {
  return named(values.join("|"), values);
}

function named(placeholder: string, values: readonly string[]): Kind {
  return {
    placeholder,
    wants: `one of ${values.join(", ")}`,
    read: (text) => (values.includes(text) ? text : undefined),
  };
}

const file: Kind = { placeholder: "FILE", wants: "a file", read: (text) => (text === "" ? undefined : text) };
const folder: Kind = { placeholder: "DIR", wants: "a folder", read: (text) => (text === "" ? undefined : text) };

/** What only the command can tell whether it is possible. */
const text = (placeholder: string, wants: string): Kind => ({
  placeholder,
  wants,
  read: (value) => (value === "" ? undefined : value),
});

export const OPTIONS: Readonly<Record<OptionName, OptionSpec>> = {
  json: { flag: "--json", about: "print one JSON document a line, for programs" },
  format: {
    flag: "--format",
    kind: oneOf("text", "mail", "md", "html"),
    about: "mail: 72 plain columns; md, html: a page",
  },
  list: { flag: "--list", about: "only list the cases and their variants" },
  workloads: { flag: "--workloads", kind: folder, about: "workloads of your own, *.ts, instead of those of Mayfail" },
  golden: { flag: "--golden", kind: folder, about: "records of your own, *.jsonl, instead of those of Mayfail" },
  pressure: { flag: "--pressure", about: "jobs under memory pressure, and the counters of the kernel" },
  pins: { flag: "--pins", about: "reclaim of pages that somebody has a reference to, under all rules" },
  mask: {
    flag: "--mask",
    kind: text("MASK", "a mask like GFP_NOFS or 'GFP_KERNEL|__GFP_NORETRY'"),
    about: "only this mask, in detail",
  },
  scope: { flag: "--scope", kind: named("SCOPE", SCOPES), about: `the scope of the task: ${SCOPES.join(", ")}` },
  caller: { flag: "--caller", kind: named("TASK", CALLERS), about: `who allocates: ${CALLERS.join(", ")}` },
  page: {
    flag: "--page",
    kind: named("PAGE", PAGE_KINDS),
    about: `what is on the LRU lists: ${PAGE_KINDS.join(", ")}`,
  },
  held: { flag: "--held", kind: named("LOCK", LOCKS), about: `what is held: ${LOCKS.join(", ")}` },
  rules: {
    flag: "--rules",
    kind: text("RULES", "the name of a set of rules, switches as NAME=VALUE, or both"),
    about: "rules of another kernel, as linux-5.7; or switches of them, as cowReuse=mapcount",
  },
  driverVariant: {
    flag: "--driver-variant",
    kind: text("DRIVER=VERSION", "a driver and its version"),
    about: "another version of a driver, or of one option of it: DRIVER.OPTION=VALUE",
  },
  driver: { flag: "--driver", about: "the file describes a driver: try the whole contract on it" },
  output: { flag: "--output", kind: file, about: "write the report to a file; its name may tell the format" },
  jobs: { flag: "--jobs", kind: whole(1, 64), about: "check so many rows at a time (2, or 1 on a single core)" },
  all: { flag: "--all", about: "show every step of a long run" },
  changes: { flag: "--changes", about: "show below each step what it changed" },
  seed: { flag: "--seed", kind: whole(0, 4294967295), about: "for everything that is left to chance" },
  engine: {
    flag: "--engine",
    kind: oneOf("auto", "stateful", "dpor"),
    about: "how to search; auto lets an estimate choose",
  },
  maxStates: { flag: "--max-states", kind: whole(1, 1e12), about: "stop after so many states or executions" },
  maxSeconds: { flag: "--max-seconds", kind: seconds(0.001, 1e7), about: "stop after so many seconds" },
  maxMemory: { flag: "--max-memory", kind: whole(16, 1 << 20, "MIB"), about: "stop at so much memory for states" },
  workers: { flag: "--workers", kind: whole(1, 64), about: "search with so many threads" },
  patience: {
    flag: "--patience",
    kind: seconds(0.1, 3600),
    about: "a step that runs longer is taken for endless (10)",
  },
  debug: { flag: "--debug", about: "show the stack of an error" },
  color: { flag: "--no-color", about: "no colours; as NO_COLOR=1 does" },
  help: { flag: "--help", about: "show the usage" },
  version: { flag: "--version", about: "show the version" },
};

/** Accepted by every command, and without a command. */
export const COMMON: readonly OptionName[] = ["debug", "color", "help", "version"];

const SHORT: Readonly<Record<string, OptionName>> = { "-h": "help", "-V": "version" };

export interface Parsed {
  readonly words: readonly string[];
  readonly options: Options;
  /** In the order in which they were given. */
  readonly given: readonly OptionName[];
}

/**
 * Splits a command line into words and options. Raises MF0102 for unknown options and missing values, MF0103 for values
 * that are not possible. Which command accepts which option is the caller's to check.
 */
export function parseArguments(argv: readonly string[]): Parsed {
  const words: string[] = [];
  const options: Record<string, unknown> = {};
  const given: OptionName[] = [];
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] ?? "";
    if (arg === "--") {
      words.push(...argv.slice(i + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    const equals = arg.startsWith("--") ? arg.indexOf("=") : -1;
    const flag = equals < 0 ? arg : arg.slice(0, equals);
    const name = SHORT[flag] ?? optionOf(flag);
    const { kind } = OPTIONS[name];
    let value = equals < 0 ? undefined : arg.slice(equals + 1);
    given.push(name);
    if (kind === undefined) {
      if (value !== undefined) throw usage(`The option ${flag} takes no value`);
      options[name] = name !== "color";
      continue;
    }
    if (value === undefined) {
      value = argv[++i];
      if (value === undefined || (value.startsWith("--") && value.length > 2)) {
        throw usage(`The option ${flag} needs a value: ${kind.wants}`);
      }
    }
    const read = kind.read(value);
    if (read === undefined) throw mayfailError("MF0103", { option: flag, wanted: kind.wants, value: brief(value) });
    options[name] = read;
  }
  return { words, options: options as Options, given };
}

function optionOf(flag: string): OptionName {
  for (const [name, spec] of Object.entries(OPTIONS)) if (spec.flag === flag) return name as OptionName;
  const known = Object.values(OPTIONS).map((spec) => spec.flag);
  throw usage(`There is no option ${brief(flag)}${hint(flag, known)}`);
}

/** MF0102 with a sentence of its own; `command` for the remedy. */
export function usage(problem: string, command = ""): Error {
  return mayfailError("MF0102" satisfies ErrorCode, { problem, command: command === "" ? "" : ` ${command}` });
}

/** User's words in messages: no control characters, not endless. */
export function brief(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, "?");
  return clean.length > 80 ? `${clean.slice(0, 77)}...` : clean;
}
