/** The usage of each command, made from what the parser reads, and the few lines for whoever types the bare name. */
import { COMMANDS, type CommandName } from "./commands.ts";
import { COMMON, OPTIONS, type OptionName } from "./options.ts";

export function intro(version: string): string {
  return `Mayfail ${version}: explores every interleaving of Linux memory reclaim, page pins, MMU notifiers and drivers.
A broken rule comes back as the smallest schedule that breaks it.

  mayfail demo                 which drivers deadlock under which rules, and one deadlock in full
  mayfail atlas                every historical bug of the atlas, with its verdict
  mayfail check FILE.ts        your own driver: a file that exports a case

All commands: mayfail --help
`;
}

export function overview(): string {
  const rows = Object.entries(COMMANDS).map(([name, command]) => [`mayfail ${name}`, command.about] as const);
  return `Usage: mayfail COMMAND [OPTION]…

${columns(rows)}

Options of every command:
${columns(COMMON.map(optionRow))}

The usage of a command: mayfail COMMAND --help
Exit codes: 0 ok; 1 a rule was broken, or a row is not as expected; 2 bad input or usage;
3 not decided within the bounds; 130 interrupted, with what was found so far.
`;
}

export function usageOf(name: CommandName): string {
  const { about, usage, options, details } = COMMANDS[name];
  return `Usage: ${usage.map((u) => `mayfail ${u}`).join("\n       ")}

${about.charAt(0).toUpperCase()}${about.slice(1)}.${details === "" ? "" : ` ${details}`}

Options:
${columns([...options, ...COMMON].map(optionRow))}
`;
}

function optionRow(name: OptionName): readonly [string, string] {
  const { flag, kind, about } = OPTIONS[name];
  return [kind === undefined ? flag : `${flag} ${kind.placeholder}`, about];
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
