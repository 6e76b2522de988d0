import type { Verdict } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { ANSWER_NAMES, ANSWERS, type AnswerName } from "./gupReclaimAnswers.ts";
import { hazardA, hazardB, hazardC } from "./gupReclaimHazards.ts";

const HAZARDS = { a: hazardA, b: hazardB, c: hazardC } as const;
type Hazard = keyof typeof HAZARDS;

const D = "deadlock";
const L = "livelock";
const ok = "ok";
const EXPECTED: Readonly<Record<AnswerName, Readonly<Record<Hazard, Verdict>>>> = {
  "as-in-2020": { a: D, b: L, c: D },
  "patch-2-2": { a: D, b: L, c: ok },
  "mayfail-full": { a: ok, b: ok, c: ok },
  "skip-pinned-unmap": { a: ok, b: ok, c: ok },
  "pin-check-all": { a: ok, b: ok, c: ok },
  "pin-check-fresh": { a: ok, b: ok, c: ok },
  "pin-check-fresh-shmem": { a: D, b: L, c: D },
  "pin-check-fresh-swapcache": { a: D, b: ok, c: D },
  "no-alloc-under-lock": { a: ok, b: L, c: D },
  "seq-and-wait": { a: ok, b: ok, c: D },
  "seq-only": { a: ok, b: ok, c: ok },
};

const variants = Object.fromEntries(
  (["a", "b", "c"] as const).flatMap((hazard) =>
    ANSWER_NAMES.map((name) => {
      const answer = ANSWERS[name];
      const { about, mm } = answer;
      return [`${hazard}-${name}`, { hazard, answer, about, rules: mm.name, expect: EXPECTED[name][hazard] }];
    }),
  ),
);

export default defineCase({
  id: "gup-reclaim-recursive-wait",
  title: "pinning page n of an object reclaims pages 0 … n-1 of the same object",
  class: "deadlock",
  text: `The thread of 24 June 2020. An i915 userptr object has two pages; while it is acquired or used, an allocation on its
behalf enters reclaim, which picks page 0, unmaps it and calls i915's notifier. The page cannot be freed, it is pinned.

- *a, self-deadlock:* the worker locks mm.lock and allocates the sg table; the callback finds the object in the tree
  (it was put there before it had pages) and locks mm.lock. One thread, no switch.
- *b, livelock:* the worker holds no lock; the allocation for page 1 calls the callback, which cancels the worker; page 0
  stays, the allocation fails, and userspace hears -EAGAIN instead of -ENOMEM: it starts again, for ever. For the allocation
  to fail at all the process is in a cgroup of one page and may not be killed: a page that nobody limits is never
  refused to GFP_KERNEL, the OOM killer finds somebody first.
- *c, recursive wait:* a job that uses the object allocates on its way to the GPU; the callback waits for the job.

What the checker says about the predictions of the catalogue:

- PATCH 2/2 as posted cures c only: confirmed. The half-acquired object has no binding, so nothing makes the callback
  fail. The example of the patch's own commit message, pages 0 … n-1 of a partial object, is b, and not cured.
- The pin check as merged does nothing for shared memory: confirmed. For pages in the swap cache it was expected to do
  nothing as well; in b it does: the first lost round takes page 0 out of the swap cache (the pin faults it in for
  writing), so in the second round the check sees fresh anonymous memory. One round lost, no livelock.
- Sequence and wait (v5.13 … v6.8) is not in the catalogue's list: it cures a and b and keeps c.
- Lockdep sees none of the three. a is hidden by the nesting subclass of mm.lock in get_pages, which asserts that the
  pages put in there are another object's; without it lockdep reports a. b and c are not about locks.
- "Cured" means the runs explored here. Case gup-reclaim-before-first-pin has b once more with one allocation before the
  first pin: there a pin check, wherever it stands, is no cure.`,
  sources: [
    {
      ref: "20200624080248.3701-1",
      what: "PATCH 1/2 mm/mmu_notifier: Mark up direct reclaim paths with MAYFAIL (not merged)",
    },
    { ref: "20200624080248.3701-2", what: "PATCH 2/2 drm/i915/gem: Use mmu_notifier_range_mayfail() (not merged)" },
    { ref: "linux-mm, 24 June 2020", what: "mm: Skip opportunistic reclaim for dma pinned pages (not merged)" },
    { ref: "feb889fb40fa", what: "mm: don't put pinned pages into the swap cache, v5.11-rc4" },
    { ref: "ed29c2691188", what: "i915 userptr becomes an interval notifier, v5.13" },
    { ref: "86ceaaaec597", what: "drm/i915/gem: Atomically invalidate userptr on mmu-notifier, v6.9" },
  ],
  variants,
  setup: (m, { hazard, answer }) => HAZARDS[hazard](m, answer),
});
