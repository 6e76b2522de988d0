import { must } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { type Under, under } from "../mm/world/onePage.ts";
import { ANON, FILE, type PageKind, SHMEM, SWAP_CACHE } from "../mm/world/pages.ts";
import { type TollOptions, tollWorld } from "./notifierToll.ts";

/** Two pages, one of them pinned; two rounds. */
const of = (u: Under, kind: PageKind): TollOptions & { rules: string } => ({
  ...u,
  ...{ kind, pages: 2, pinned: 1, rounds: 2, user: true },
});
const early = { reclaimPinCheck: "all" } as const;

export default defineCase<TollOptions>({
  id: "late-pin-check-fires-notifier",
  title: "reclaim asks whether a page is pinned after it has unmapped it",
  class: "policy",
  text: `A device has pinned one of two pages. Reclaim picks the pinned one, unmaps it, which calls the driver, and only then finds
that it cannot be freed. The page goes back to a list, the process uses it again, and in the next round the same happens: the
device is stopped for nothing, as often as reclaim comes.

*Bound:* calls ≤ pages freed. A call that frees its page is worth it.

There are two checks. The early one, of v5.11, asks before the unmap, but only about anonymous pages without a place in swap; the
late one, of v6.4, asks about every page, after the unmap. So private memory costs nothing (row anon-6.1), and shared memory, files
and what is in swap already cost a call for each pinned page and round: what the thread of June 2020 was about is still so in 6.1 for
the memory that graphics clients share. *Fix*, not upstream: the early check for every kind, or refuse the unmap, as posted in 2020.

Calls beyond the pages freed grow linearly with the pinned share, one for each pinned page and round, for shared memory and files,
and are 0 for fresh private memory; in the swap cache they grow faster, since the entry of an exclusive page is put back, so that the
page is still mapped for the next priority. Figures: docs/policy-figures.md.`,
  sources: [
    { ref: "feb889fb40fa", what: "mm: don't put pinned pages into the swap cache, v5.11-rc4: the early check" },
    { ref: "d824ec2a1546", what: "mm: do not reclaim private data from pinned page, v6.4: the late check" },
    {
      ref: "linux-mm, 24 June 2020, 19:14 UTC",
      what: "mm: Skip opportunistic reclaim for dma pinned pages, Chris Wilson, June 2020 (not merged)",
    },
  ],
  variants: {
    "shmem-6.1": { ...of(under("linux-6.1"), SHMEM), about: "shared memory", expect: "policy" },
    "file-6.1": { ...of(under("linux-6.1"), FILE), about: "a file", expect: "policy" },
    "swapcache-6.1": {
      ...of(under("linux-6.1"), SWAP_CACHE),
      about: "private memory with a place in swap",
      expect: "policy",
    },
    "anon-6.1": { ...of(under("linux-6.1"), ANON), about: "private memory", expect: "ok" },
    "anon-5.10": { ...of(under("linux-5.10"), ANON), about: "private memory, before v5.11", expect: "policy" },
    "shmem-checked-early": {
      ...of(under("linux-6.1", early), SHMEM),
      about: "shared memory, early check for every kind",
      expect: "ok",
    },
    "file-checked-early": {
      ...of(under("linux-6.1", early), FILE),
      about: "a file, early check for every kind",
      expect: "ok",
    },
    "swapcache-checked-early": {
      ...of(under("linux-6.1", early), SWAP_CACHE),
      about: "private memory in swap, early check for every kind",
      expect: "ok",
    },
    "shmem-skip-pinned-unmap": {
      ...of(under("skip-pinned-unmap"), SHMEM),
      about: "the series of June 2020: try_to_unmap_one leaves pinned pages alone",
      expect: "ok",
    },
  },
  setup(m, v) {
    tollWorld(m, v, { swapPages: 6 }, ({ calls, freed }) => {
      must(calls <= freed, "policy", `the driver was stopped ${calls} times, and ${freed} pages were freed`);
    });
  },
});
