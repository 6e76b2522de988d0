/** Cases under other rules, and with drivers of other versions, than their authors chose: `--rules`, `--driver-variant`. */
import type { Case } from "../machine/scenario.ts";

/** As the options say it. */
export interface Experiment {
  readonly rules?: string;
  readonly driverVariant?: string;
}

export function isExperiment(e: Experiment): boolean {
  return e.rules !== undefined || e.driverVariant !== undefined;
}

/** The words that make a command line do the same. */
export function experimentWords(e: Experiment): string[] {
  return [
    ...(e.rules === undefined ? [] : ["--rules", e.rules]),
    ...(e.driverVariant === undefined ? [] : ["--driver-variant", e.driverVariant]),
  ];
}

/**
 * `c` with its machines built under the experiment. Its drivers must have been loaded, as they are with the case. Raises
 * MF0501, MF0503 … MF0506 for rules and drivers that there are not.
 */
export async function underExperiment(c: Case, e: Experiment): Promise<Case> {
  if (!isExperiment(e)) return c;
  const { parseRuleChange, withRules } = await import("../mm/ruleChanges.ts");
  const { rules } = await import("../mm/rules.ts");
  const { parseDriverChange, withDrivers } = await import("../drivers/history.ts");
  const rule = e.rules === undefined ? null : parseRuleChange(e.rules);
  const driver = e.driverVariant === undefined ? null : parseDriverChange(e.driverVariant);
  const renamed = (name: string) => (rule === null ? name : rule({ ...rules("linux-6.1"), name }).name);
  const variants = Object.entries(c.variants).map(([name, v]) => [name, { ...v, rules: renamed(v.rules ?? "") }]);
  return {
    ...c,
    variants: Object.fromEntries(variants),
    setup: (m, variant) => withRules(rule, () => withDrivers(driver, () => c.setup(m, variant))),
  };
}
