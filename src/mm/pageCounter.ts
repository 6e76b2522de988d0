/**
 * Page counters (mm/page_counter.c): how much each cgroup uses, with everything below it.
 *
 *   try: from the cgroup up to the root: add ─▶ over the limit? subtract again, and so on every level below
 *
 * A charge that fails is seen by others for a moment: whoever charges less may fail because of it, and reclaims too early.
 * Nobody ever sees less than what is charged. What is given back disappears from all levels at once here; in between,
 * others could only fail for no reason.
 */
import { addWord } from "../machine/cell.ts";
import { answer, sequential, type Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import { guards } from "./rules.ts";

/** page_counter_uncharge, up to the root. */
export function uncharge1(k: Kernel, memcg: number, n: number): void {
  const { usage } = k.memcgs;
  for (let at = memcg; at > 0; at = k.memcgParents[at]) usage[at] -= n;
}

/** page_counter_charge, whatever the limits: kernel memory that cannot fail, and tasks that reclaim. */
export function forceCharge(k: Kernel, memcg: number, n: number): void {
  const { usage } = k.memcgs;
  for (let at = memcg; at > 0; at = k.memcgParents[at]) usage[at] += n;
}

/** page_counter_try_charge: -1, or the cgroup whose limit is in the way; then nothing is charged in the end. */
export function pageCounterTryCharge(k: Kernel, memcg: number, n: number): Task<number> {
  return sequential ? (answer(tryChargeAtOnce(k, memcg, n)) as never) : tryLevels(k, memcg, n);
}

/** The same where nobody can look in between. */
export function tryChargeAtOnce(k: Kernel, memcg: number, n: number): number {
  const { usage, max } = k.memcgs;
  for (let at = memcg; at > 0; at = k.memcgParents[at]) {
    if (usage[at] + n > max[at]) return at;
  }
  forceCharge(k, memcg, n);
  return -1;
}

function* tryLevels(k: Kernel, memcg: number, n: number): Task<number> {
  for (let at = memcg; at > 0; at = k.memcgParents[at]) {
    const before = yield* addWord(k.memcgs.wordOf("usage", at), n);
    if (before + n <= k.memcgs.max[at]) continue;
    yield* addWord(k.memcgs.wordOf("usage", at), -n);
    for (let below = memcg; below !== at && guards(k.rules, "chargeUndo"); below = k.memcgParents[below]) {
      yield* addWord(k.memcgs.wordOf("usage", below), -n);
    }
    return at;
  }
  return -1;
}
