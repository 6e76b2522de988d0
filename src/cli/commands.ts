/** The commands: what each is for, which options it takes, and where it is. To add one, add a row and a file. */
import type { Context } from "./context.ts";
import type { OptionName } from "./options.ts";

interface Command {
  readonly about: string;
  readonly usage: readonly string[];
  /** One more sentence or two for the usage. */
  readonly details: string;
  readonly options: readonly OptionName[];
  load(): Promise<(c: Context, words: readonly string[]) => Promise<number>>;
}

const EXPERIMENT: readonly OptionName[] = ["rules", "driverVariant"];
const BOUNDS: readonly OptionName[] = ["engine", "maxStates", "maxSeconds", "maxMemory", "workers", "seed", "patience"];

export const COMMANDS = {
  demo: {
    about: "show which drivers deadlock under which rules, and one deadlock in full",
    usage: ["demo"],
    details: "",
    options: ["format", ...BOUNDS],
    load: async () => (await import("./demo.ts")).demo,
  },
  check: {
    about: "explore every interleaving of a case, or of a file of your own",
    usage: ["check CASE[:VARIANT]", "check FILE.ts[:VARIANT]", "check --driver FILE.ts[:VARIANT]"],
    details: "Without a variant all of them are checked; more than four are told in a table only.",
    options: ["json", "format", "output", "all", "changes", "driver", "jobs", ...EXPERIMENT, ...BOUNDS],
    load: async () => (await import("./check.ts")).check,
  },
  new: {
    about: "begin a driver of your own: a file to edit, a case, a test that fails",
    usage: ["new driver NAME"],
    details: "Writes NAME.ts, NAME.case.ts and NAME.test.mjs into the current folder, and overwrites nothing.",
    options: [],
    load: async () => (await import("./new.ts")).newFiles,
  },
  replay: {
    about: "show the run of a schedule, step by step",
    usage: ["replay CASE:VARIANT SCHEDULE", "replay FILE.ts:VARIANT SCHEDULE"],
    details: "The schedule is the word that a report ends with; it may be given in several parts.",
    options: ["json", "format", "output", "changes", ...EXPERIMENT, "patience"],
    load: async () => (await import("./replay.ts")).replay,
  },
  atlas: {
    about: "check every case of the atlas, and compare with what its author expects",
    usage: ["atlas [CASE]…", "atlas --rules RULES [CASE]…", "atlas --list [CASE]…"],
    details:
      "With --rules or --driver-variant everything is checked under these, and what changes is shown. With --list nothing is searched; a case that is named is told in full, with its sources.",
    options: ["json", "format", "output", "list", "jobs", ...EXPERIMENT, ...BOUNDS],
    load: async () => (await import("./atlas.ts")).atlas,
  },
  conform: {
    about: "run workloads in the model, and compare with what a real kernel did",
    usage: ["conform [NAME]…", "conform --pressure [JOB]…"],
    details: "Exit code 1 when one differs that is not listed in conformance/DIFFERENCES.md.",
    options: ["json", "pressure", "workloads", "golden", "patience"],
    load: async () => (await import("./conform.ts")).conform,
  },
  gfp: {
    about: "what an allocation may enter, and under which locks it is a bug",
    usage: [
      "gfp [--mask MASK] [--held LOCK] [--page PAGE] [--scope SCOPE] [--caller TASK]",
      "gfp --pins [--page PAGE]",
    ],
    details: "Every cell is a run of a small machine that is out of memory.",
    options: ["json", "mask", "held", "page", "scope", "caller", "rules", "pins", "patience"],
    load: async () => (await import("./gfp.ts")).gfp,
  },
} as const satisfies Readonly<Record<string, Command>>;

export type CommandName = keyof typeof COMMANDS;

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}
