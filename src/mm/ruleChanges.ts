/**
 * One bug's fix is the next bug's cause: every case once more under other rules. A change is a preset, which replaces all
 * that a case has chosen, or single switches on top of what it has chosen, or both:
 *
 *   linux-5.11                                  every kernel has the rules of v5.11, the guards included
 *   reclaimPinCheck=all,gupFastRecheck=false    every kernel has its own rules with these two changes
 *   linux-5.7,cowReuse=refcount                 every kernel has the rules of v5.7 with this change
 *
 * Cases say `rules(…)` as ever; `createKernel` asks here what is in force.
 */
import { mayfailError } from "../errors.ts";
import { GUARDS, type Guard, PRESETS, presetNamed, type Rules, SETTINGS } from "./rules.ts";

export type RuleChange = (own: Rules) => Rules;

/** Set while a machine is built (`withRules`). One for each thread. */
let change: RuleChange | null = null;

/** The rules of a kernel whose case asks for `own`. */
export function rulesInForce(own: Rules): Rules {
  return change === null ? own : change(own);
}

/** Kernels that `build` creates have changed rules. */
export function withRules<T>(changed: RuleChange | null, build: () => T): T {
  const before = change;
  change = changed;
  try {
    return build();
  } finally {
    change = before;
  }
}

const SWITCHES = Object.keys(PRESETS["linux-6.1"]).filter((key) => key !== "name" && key !== "without");
const isGuard = (name: string): name is Guard => (GUARDS as readonly string[]).includes(name);

/** Reads a change. Raises MF0501 for a preset that there is not, MF0503 for such a switch, MF0504 for such a value. */
export function parseRuleChange(text: string): RuleChange {
  const words = text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  const preset = words[0]?.includes("=") ? null : presetNamed(words.shift() ?? "");
  const changes = words.map(switchOf);
  return (own) => {
    const base = preset ?? own;
    const changed = changes.reduce((rules, { apply }) => apply(rules), base);
    const name = words.length === 0 ? base.name : `${base.name} with ${changes.map((c) => c.text).join(", ")}`;
    return { ...changed, name };
  };
}

interface Switch {
  readonly text: string;
  readonly apply: RuleChange;
}

function switchOf(word: string): Switch {
  const [name = "", value = ""] = word.split("=", 2).map((part) => part.trim());
  if (isGuard(name)) return guardSwitch(name, chosen(name, value, ["true", "false"]) === "true");
  if (!SWITCHES.includes(name)) {
    throw mayfailError("MF0503", { name, names: [...SWITCHES, ...GUARDS].join(", ") });
  }
  const settings: Readonly<Record<string, readonly string[]>> = SETTINGS;
  const words = settings[name];
  const set = chosen(name, value, words ?? ["true", "false"]);
  return { text: `${name}=${set}`, apply: (own) => ({ ...own, [name]: words === undefined ? set === "true" : set }) };
}

function guardSwitch(guard: Guard, on: boolean): Switch {
  return {
    text: `${guard}=${on}`,
    apply: (own) => {
      const others = own.without.filter((g) => g !== guard);
      return { ...own, without: on ? others : [...others, guard] };
    },
  };
}

function chosen(name: string, value: string, values: readonly string[]): string {
  if (values.includes(value)) return value;
  throw mayfailError("MF0504", { name, value, values: values.join(", ") });
}
