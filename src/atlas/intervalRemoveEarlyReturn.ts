import { createMirror } from "../drivers/mirror.ts";
import type { Task } from "../machine/core.ts";
import { defineCase } from "../machine/scenario.ts";
import { type PresetName, rules } from "../mm/rules.ts";
import { createKernel, type Kernel } from "../mm/slice/kernel.ts";
import { claimReferences } from "../mm/slice/leak.ts";
import { ANON, createMapping } from "../mm/slice/mapping.ts";
import { madviseDontneed } from "../mm/slice/memory.ts";
import { createMm } from "../mm/slice/mm.ts";
import { type IntervalNotifier, mmuIntervalNotifierRemove } from "../mm/slice/mmuIntervalNotifier.ts";
import { kfreeObject } from "../mm/slice/slab.ts";

/** The driver is done with the range: after the removal nobody may know the node any more, so its memory goes. */
function* removeAndFree(k: Kernel, notifier: IntervalNotifier): Task {
  yield* mmuIntervalNotifierRemove(k, notifier);
  yield* kfreeObject(notifier);
}

export default defineCase<{ about: string; expect: "ok" | "use-after-free"; rules: PresetName }>({
  id: "interval-remove-early-return",
  title: "mmu_interval_notifier_remove returns while the node is still on the deferred list",
  class: "uaf",
  text: `While a section is open the interval tree is frozen: a removal puts the node on the deferred list and sleeps until
the sequence moves. The last section to end moves the sequence and then works through that list, all under the lock. The
sleeper looked at the sequence without the lock, so it could be gone, and the node freed, while the list still held it.

*Buggy run:* the remover queues its node; the invalidator takes the lock and moves the sequence; the remover sees that,
returns and frees the node; the invalidator, still under the lock, takes the freed node out of the tree.
*Fix:* look at the sequence under the lock: whoever gets it finds the list done with.`,
  sources: [
    { ref: "319561669a59", what: "mm/mmu_notifier: fix race in mmu_interval_notifier_remove(), v5.18-rc4" },
    { ref: "99cb252f5e68", what: "the interval API, v5.5: where the race came in" },
  ],
  variants: {
    buggy: { about: "v5.5 … v5.17: condition read without the lock", rules: "linux-5.11", expect: "use-after-free" },
    fixed: { about: "v5.18: condition read under the lock", rules: "linux-6.1", expect: "ok" },
  },
  setup(m, variant) {
    const k = createKernel(m, rules(variant.rules), 1);
    const mm = createMm(m, k, "mm", [{ mapping: createMapping(m, "anon", ANON, 1), pages: 1 }]);
    const { notifier } = createMirror(m, mm);
    claimReferences(m, k, () => ({ pinned: [], memory: [] }));
    m.spawn("invalidator", madviseDontneed, [k, mm, 0, 1]);
    m.spawn("remover", removeAndFree, [k, notifier]);
  },
});
