/** The memory of most atlas cases: one private page at A that its process has written. */
import type { Task } from "../../machine/core.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { type PresetName, type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A } from "./small.ts";

/** Maps page A and writes 1 to it. No batch holds a reference afterwards. */
export function* ownPage(k: Kernel, p: Process): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
}

/** The process ends; nothing of it is left, in batches neither. */
export function* leavePage(k: Kernel, p: Process): Task {
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

/** For variants: the rules in force, and what to call them. */
export interface Under {
  readonly inForce: Rules;
  readonly rules: string;
}
export function under(preset: PresetName, changes: Parameters<typeof rules>[1] = {}): Under {
  const inForce = rules(preset, changes);
  return { inForce, rules: inForce.name };
}
