/**
 * What an author writes: a case with its variants, and how to set up the machine for one of them.
 *
 *   export default defineCase({
 *     id: "ab-ba", title: "two locks in two orders",
 *     variants: { buggy: { order: "ba", expect: "deadlock" }, fixed: { order: "ab", expect: "ok" } },
 *     setup(m, v) { const a = mutex("a"), b = mutex("b"); m.spawn("t1", takeBoth, [a, b]); … },
 *   });
 */
import type { Verdict } from "./finding.ts";
import type { Machine } from "./machine.ts";

/** What every variant says about itself; a case adds its own parameters. */
export interface Variant {
  /** The verdict that the case's author stands for; null = none stated (a user's own file). */
  readonly expect?: Verdict;
  /** One line for tables: which protocol or kernel this is. */
  readonly about?: string;
  /** Name of the preset of mm rules in force, for the JSON output. */
  readonly rules?: string;
}

export interface Source {
  /** Commit, message-id, CVE or document. */
  readonly ref: string;
  readonly what: string;
}

export interface CaseDefinition<V extends object = object> {
  readonly id: string;
  readonly title: string;
  /** Short explanation, Markdown, wrapped as the author likes. */
  readonly text?: string;
  /** Class of the bug as in the atlas: "deadlock", "uaf" … */
  readonly class?: string;
  readonly sources?: readonly Source[];
  readonly variants: Readonly<Record<string, V & Variant>>;
  setup(m: Machine, variant: V & Variant, name: string): void;
}

/** A case whose variants' parameters have been checked by the type checker. */
export interface Case {
  readonly kind: "mayfail-case";
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly class: string;
  readonly sources: readonly Source[];
  readonly variants: Readonly<Record<string, Variant>>;
  /** Sets up the machine for a variant; called for each machine that is built. */
  readonly setup: (m: Machine, variant: string) => void;
}

export function defineCase<V extends object>(definition: CaseDefinition<V>): Case {
  const { variants } = definition;
  return {
    kind: "mayfail-case",
    id: definition.id,
    title: definition.title,
    text: definition.text ?? "",
    class: definition.class ?? "",
    sources: definition.sources ?? [],
    variants,
    setup: (m, name) => definition.setup(m, variants[name], name),
  };
}
