import { createMkeyCache, createMr, deregMr, initMkeyCache } from "../drivers/mlx5Odp.ts";
import { defineCase } from "../machine/scenario.ts";
import type { Mm } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { rules } from "../mm/rules.ts";
import { anonPages, createHog, fillMemory } from "../mm/world/pages.ts";
import { swapKernel } from "../mm/world/reclaim.ts";
import { A } from "../mm/world/small.ts";

export default defineCase({
  id: "alloc-under-notifier-lock",
  title: "an allocation under a lock that nests in the lock of the notifier callback",
  class: "deadlock",
  text: `umem_mutex is taken by the callback, so nobody may allocate under it, nor under a lock that is ever taken inside it.
To close another race the mutex was held longer, across the storing of the memory key, which takes the cache's rb_lock; and
under that one entries are allocated with GFP_KERNEL.

*Buggy run:* one CPU deregisters a region and has umem_mutex; another holds rb_lock, allocates, reclaims a page of the
region, and waits for umem_mutex in the callback; the first waits for rb_lock. When there is no entry of the right size
the first CPU allocates itself, and one thread is enough. *Fix:* drop umem_mutex after the revoke, before rb_lock.`,
  sources: [
    { ref: "2ed25aa7f771", what: "IB/mlx5: the fix, v6.16; CVE-2025-38373" },
    { ref: "abb604a1a9c8", what: "where it came in: the fix of another race widened the lock" },
  ],
  variants: {
    buggy: {
      about: "umem_mutex held across rb_lock, two threads",
      early: false,
      entries: 1,
      other: true,
      expect: "deadlock",
    },
    "buggy-one-thread": {
      about: "the same, no entry yet: its own allocation",
      early: false,
      entries: 0,
      other: false,
      expect: "deadlock",
    },
    fixed: { about: "umem_mutex dropped before rb_lock", early: true, entries: 1, other: true, expect: "ok" },
    "fixed-one-thread": { about: "the same, no entry yet", early: true, entries: 0, other: false, expect: "ok" },
  },
  setup(m, { early, entries, other }) {
    const k = swapKernel(m, { rules: rules("linux-6.4") });
    const p = createProcess(k);
    m.boot(anonPages, [k, p, A, 1]);
    const mr = createMr(m, k, p.mm as Mm, A, 1);
    m.boot(fillMemory, [k, createHog(k)]);
    const cache = createMkeyCache(k, entries);
    m.spawn("dereg", deregMr, [k, mr, cache, early]);
    if (other) m.spawn("cacheInit", initMkeyCache, [k, cache]);
  },
});
