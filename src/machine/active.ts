/** Which machine is meant: the one that runs, and the one that is being set up. One of each per thread at a time. */
import { mayfailError } from "../errors.ts";
import type { Handle } from "./core.ts";
import type { WordKind } from "./layout.ts";
import type { Machine } from "./machine.ts";

let underConstruction: Machine | null = null;
let active: Machine | null = null;

/** For `Machine.activate`. */
export function setActive(m: Machine): void {
  active = m;
}

export function isActive(m: Machine): boolean {
  return active === m;
}

/** For `Machine.build`: the machine that set-up functions act on, null = none. */
export function setUnderConstruction(m: Machine | null): void {
  underConstruction = m;
}

/** The machine that `W` belongs to. Raises MF0209 when there is none. */
export function activeMachine(): Machine {
  if (!active) throw mayfailError("MF0209", { what: "the machine" });
  return active;
}

/** Name of a word or of the object that begins there. */
export function nameOfWord(at: number): string {
  const handle = active?.objects.at(at) as Handle | undefined;
  return handle?.name ?? active?.layout.nameOf(at) ?? `word ${at}`;
}

/** The machine that is being set up; raises MF0209 outside of a set-up. */
export function settingUpMachine(what: string): Machine {
  if (!underConstruction) throw mayfailError("MF0209", { what });
  return underConstruction;
}

/** Set-up: reserves words for the object `name`. */
export function takeWords(n: number, name: string): number {
  return settingUpMachine(name).layout.take(n, name, "int");
}

/** Set-up: names the words of an object that begins at `at`, in order; the key "" stands for the object itself. */
export function nameWords(at: number, name: string, words: Readonly<Record<string, WordKind>>): void {
  const { layout } = settingUpMachine(name);
  Object.entries(words).forEach(([part, kind], i) => {
    layout.label(at + i, 1, part === "" ? name : `${name}.${part}`, kind);
  });
}
