/**
 * The command line: reads the arguments, runs the command, turns errors into messages and everything into an exit code.
 *
 *   0 ok    1 a rule was broken    2 bad input or usage    3 not decided within the bounds    130 interrupted
 */
import { readFileSync } from "node:fs";
import type { MayfailError } from "../errors.ts";
import { mayfailError } from "../errors.ts";
import { pageOfError } from "../report/pages.ts";
import { COMMANDS, type CommandName, isCommand } from "./commands.ts";
import { EXIT, withContext } from "./context.ts";
import { Interrupted } from "./interrupted.ts";
import { type Io, processIo, styleOf } from "./io.ts";
import {
  brief,
  COMMON,
  OPTIONS,
  type OptionName,
  type Options,
  type Parsed,
  parseArguments,
  usage,
} from "./options.ts";
import { internal } from "./plainError.ts";
import { hint } from "./suggest.ts";

/** Runs one command line and resolves to its exit code. Never rejects: errors are printed to stderr. */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  try {
    return await run(parseArguments(argv), io);
  } catch (e) {
    if (e instanceof Interrupted) {
      io.err(`mayfail: ${e.message}.\n`);
      return EXIT.interrupted;
    }
    const error = internal(e);
    io.err(`${linked(io, error, messageOf(error, argv.includes("--debug")))}\n`);
    return EXIT.badInput;
  }
}

async function run(parsed: Parsed, io: Io): Promise<number> {
  const { options } = parsed;
  const [command, ...words] = parsed.words;
  if (options.version) return print(io, `${version()}\n`);
  if (command === undefined || command === "help") return help(io, options, command, words);
  if (!isCommand(command)) {
    throw mayfailError("MF0101", { command: brief(command), hint: hint(command, Object.keys(COMMANDS)) });
  }
  if (options.help) return print(io, (await import("./help.ts")).usageOf(command));
  refuseForeignOptions(command, parsed.given);
  const execute = await COMMANDS[command].load();
  return withContext(io, options, version(), (c) => execute(c, words));
}

async function help(io: Io, options: Options, command: string | undefined, words: readonly string[]): Promise<number> {
  const { intro, overview, usageOf } = await import("./help.ts");
  const [about] = words;
  if (about !== undefined) {
    if (isCommand(about)) return print(io, usageOf(about));
    throw mayfailError("MF0101", { command: brief(about), hint: hint(about, Object.keys(COMMANDS)) });
  }
  return print(io, command === undefined && !options.help ? intro(version()) : overview());
}

function refuseForeignOptions(command: CommandName, given: readonly OptionName[]): void {
  const accepted: readonly OptionName[] = [...COMMANDS[command].options, ...COMMON];
  const foreign = given.find((name) => !accepted.includes(name));
  if (foreign !== undefined) throw usage(`The command ${command} has no option ${OPTIONS[foreign].flag}`, command);
}

function print(io: Io, text: string): number {
  io.out(text);
  return EXIT.ok;
}

function messageOf(error: MayfailError, debug: boolean): string {
  return debug && error.stack ? `${error.message}\n${error.stack}` : error.message;
}

/** On a terminal that understands it, the number of the error is a link to its page. */
function linked(io: Io, { code }: MayfailError, message: string): string {
  const { color } = styleOf({ ...io, outIsTerminal: io.errIsTerminal }, undefined);
  if (!color || !message.startsWith(code)) return message;
  const { href } = new URL(`../../${pageOfError(code).path}`, import.meta.url);
  return `\u001b]8;;${href}\u001b\\${code}\u001b]8;;\u001b\\${message.slice(code.length)}`;
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
