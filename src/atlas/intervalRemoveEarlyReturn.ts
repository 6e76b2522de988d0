import type { Task } from "../machine/core.ts";
import { defineCase } from "../machine/scenario.ts";
import type { Kernel } from "../mm/kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../mm/madvise.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { mmuIntervalNotifierRemove } from "../mm/mmuIntervalNotifier.ts";
import { type PresetName, rules } from "../mm/rules.ts";
import { createMirror } from "../mm/world/devices.ts";
import { anonPages } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";

function* drops(k: Kernel, p: Process): Task {
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
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
    const k = smallKernel(m, { rules: rules(variant.rules) });
    const p = createProcess(k);
    m.boot(anonPages, [k, p, A, 1]);
    // After the removal nobody may know the node any more: its memory goes, and the core watches that nobody looks at it.
    const { notifier } = createMirror(m, k, p.mm as Mm, A, 1);
    m.spawn("invalidator", drops, [k, p]);
    m.spawn("remover", mmuIntervalNotifierRemove, [k, notifier]);
  },
});
