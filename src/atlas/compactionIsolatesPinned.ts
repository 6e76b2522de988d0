import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose } from "../machine/wait.ts";
import { compactMemory } from "../mm/compaction.ts";
import { createPages } from "../mm/gup.ts";
import type { Kernel, KernelOptions } from "../mm/kernel.ts";
import { createProcess } from "../mm/mmUsers.ts";
import type { Rules } from "../mm/rules.ts";
import { performReclaim } from "../mm/vmscan.ts";
import { claimReferences } from "../mm/world/claims.ts";
import { type Under, under } from "../mm/world/onePage.ts";
import { ANON, createHog, fillMemory, mapPages, type PageKind, pinPages, SHMEM } from "../mm/world/pages.ts";
import { swapKernel } from "../mm/world/reclaim.ts";
import { A } from "../mm/world/small.ts";

function* compactor(k: Kernel): Task {
  yield* choose(1); // anybody may begin
  yield* compactMemory(k);
}

/** There is a page that nobody uses and nobody moves. */
function* reclaimer(k: Kernel): Task {
  yield* choose(1);
  const freed = yield* performReclaim(k, GFP_KERNEL, 0);
  must(
    freed > 0,
    "policy",
    "reclaim gives up, freed 0 pages of 1: too many are isolated, and none of those can be moved",
  );
}

interface Parameters {
  readonly inForce: Rules;
  readonly kind: PageKind;
  /** Somebody reclaims meanwhile, and his progress is what counts. */
  readonly reclaims: boolean;
}
const of = (u: Under, reclaims = false, kind: PageKind = ANON): Parameters & { rules: string } => ({
  ...u,
  kind,
  reclaims,
});
const blind = under("linux-6.1", { without: ["compactionSkipsPinned"] });
const linux = under("linux-6.1");

export default defineCase<Parameters>({
  id: "compaction-isolates-pinned",
  title: "compaction takes pages off their lists that it cannot move",
  class: "policy",
  text: `Compaction isolates what stands at the beginning of a zone and migrates it to the end. A pinned page is on a list like any
other; it is isolated, migration finds more references than mappings explain, and it goes back. While it is away it counts as
isolated, and who reclaims directly waits when too many pages are: for pages that will neither be moved nor freed.

*Bounds:* at any time, pages isolated ≤ pages that can be moved (0 here); and one who reclaims while compaction runs frees the page
that nobody uses: 1 of 1. Without the check he finds too many isolated, twice, at every priority, and frees 0: one step from OOM.

*Fix:* skip an anonymous page that has more references than mappings. The check is a guess (both change meanwhile), which is why
migration still looks for itself.

*Not cured:* pages of files and shared memory, and those in the swap cache, have references of their cache, so they are not looked
at; a pinned one is isolated still (rows shmem). It is the same half of memory that the case late-pin-check-fires-notifier is about.
How many are isolated for each that moves: docs/policy-figures.md.`,
  sources: [{ ref: "119d6d59dcc0", what: "mm, compaction: avoid isolating pinned pages, David Rientjes, v3.15" }],
  variants: {
    buggy: { ...of(blind), about: "isolates whatever is on a list", expect: "policy" },
    "buggy-reclaimer": {
      ...of(blind, true),
      about: "the same, seen by somebody who reclaims meanwhile",
      expect: "policy",
    },
    fixed: { ...of(linux), about: "skips anonymous pages with more references than mappings", expect: "ok" },
    "fixed-reclaimer": { ...of(linux, true), about: "the same, and somebody reclaims meanwhile", expect: "ok" },
    shmem: { ...of(linux, false, SHMEM), about: "the fix, and the pinned page is shared memory", expect: "policy" },
    "shmem-reclaimer": {
      ...of(linux, true, SHMEM),
      about: "shared memory, seen by somebody who reclaims meanwhile",
      expect: "policy",
    },
  },
  setup(m, v) {
    const k = compactionWorld(m, { ...v, pages: 1, pinned: 1 }, { frames: 8, swapPages: 6, watchPtes: false });
    // Between the pinned page and the end of memory nobody else's page is movable.
    m.boot(fillMemory, [k, createHog(k), 2]);
    if (v.reclaims) m.boot(mapPages, [k, createProcess(k), A, 1, ANON]);
    if (v.reclaims) m.spawn("reclaimer", reclaimer, [k]);
    else m.invariant("isolated pages can move", () => noneIsolated(k), "policy");
  },
});

/** Set-up: a process with pages, the first of them pinned for good, and somebody who compacts memory. */
export function compactionWorld(
  m: Machine,
  o: { readonly inForce: Rules; readonly kind: PageKind; readonly pages: number; readonly pinned: number },
  sizes: KernelOptions,
): Kernel {
  const k = swapKernel(m, { rules: o.inForce, ...sizes });
  const p = createProcess(k);
  const pinned = createPages("pinned", Math.max(1, o.pinned));
  claimReferences(k, { pinned: [pinned] });
  m.boot(mapPages, [k, p, A, o.pages, o.kind]);
  if (o.pinned > 0) m.boot(pinPages, [k, p, A, o.pinned, pinned]);
  m.spawn("compactor", compactor, [k]);
  return k;
}

function noneIsolated(k: Kernel): string | true {
  const n = k.pgdats[0].isolatedAnon;
  return n === 0 || `${n} pages are isolated, and 0 of them can be moved: it may be 1 for each that is moved`;
}
