import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import {
  createPages,
  FOLL_GET,
  FOLL_PIN,
  FOLL_WRITE,
  getUserPagesFast,
  type Pages,
  unpinUserPages,
} from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userRead, userWrite } from "../mm/memory.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import type { Rules } from "../mm/rules.ts";
import { type Under, under } from "../mm/world/onePage.ts";
import { coldPage, leave, reclaims, swapKernel } from "../mm/world/reclaim.ts";
import { A } from "../mm/world/small.ts";

function* main(k: Kernel, p: Process, pages: Pages, flags: number): Task {
  yield* coldPage(k, p);
  yield* getUserPagesFast(k, p.mm as Mm, A, 1, flags, pages);
  const kswapd = spawn(reclaims, k);
  const cpu = spawn(readsAndWrites, k, p);
  yield* join(kswapd);
  yield* join(cpu);
  // Only now does the device write, and gives the page back.
  k.frames.content[pages.pfn[0]] = 3;
  yield* unpinUserPages(k, pages, 1, flags, true);
  const seen = yield* userRead(k, p, A);
  must(seen === 3, "lost-write", `the device wrote 3 to the page that it had pinned, and the process reads ${seen}`);
  yield* leave(k, p);
}

/** The read brings the page back from the swap cache, read-only; the write decides whether it is copied. */
function* readsAndWrites(k: Kernel, p: Process): Task {
  yield* choose(1); // reclaim may begin
  yield* userRead(k, p, A);
  yield* userWrite(k, p, A, 2);
}

interface Parameters {
  readonly inForce: Rules;
  readonly flags: number;
}
const PIN = FOLL_PIN | FOLL_WRITE;
const GET = FOLL_GET | FOLL_WRITE;
const of = (u: Under, flags = PIN): Parameters & { rules: string } => ({ ...u, flags });
const early = { reclaimPinCheck: "freshAnon" } as const;
const noCheck = { reclaimPinCheck: "none" } as const;

export default defineCase<Parameters>({
  id: "pinned-page-swapcache",
  title: "swap-out, refault, COW: the pin and the mapping part ways",
  class: "lost-write",
  text: `A device has pinned a page for DMA. Reclaim puts it into the swap cache and unmaps it, which a pin does not prevent;
only the freeing fails. The process reads: the page is mapped again from the swap cache, read-only. It writes: is the page its
own? By the count of references it is not, since the pin has one, so it gets a copy, and the device goes on in the old page.

*Fix:* an anonymous page that may be pinned gets no place in swap, so it is never unmapped.
The rows are a matrix with the case \`cow-either-way\`: who decides about reuse (mappings, references, the exclusive mark) and does
reclaim look at pins. Only references without the look lose the write; mappings alone never do, and fail there.
With the mark neither fails: the entry in swap remembers it, and try_to_unmap puts the entry of a pinned page back by itself.
A plain reference (O_DIRECT up to v6.4) is no pin: what cures the case for FOLL_PIN in v5.11 does nothing for it, while the mark
of v5.19 cures it as well.`,
  sources: [
    { ref: "feb889fb40fa", what: "mm: don't put pinned pages into the swap cache, v5.11-rc4" },
    { ref: "09854ba94c6a", what: "mm: do_wp_page() simplification, v5.9: references decide about reuse" },
    { ref: "6c287605fd56", what: "mm: remember exclusively mapped anonymous pages with PG_anon_exclusive, v5.19" },
  ],
  variants: {
    buggy: {
      ...of(under("linux-5.10")),
      about: "v5.9, v5.10: reuse by references, no look at pins",
      expect: "lost-write",
    },
    fixed: { ...of(under("linux-5.11")), about: "v5.11: reuse by references, pinned pages stay mapped", expect: "ok" },
    "mapcount-unchecked": {
      ...of(under("linux-5.7")),
      about: "before v5.9: reuse by mappings, no look at pins",
      expect: "ok",
    },
    "mapcount-checked": {
      ...of(under("linux-5.7", early)),
      about: "reuse by mappings, pinned pages stay mapped",
      expect: "ok",
    },
    "exclusive-unchecked": {
      ...of(under("linux-6.1", noCheck)),
      about: "reuse by the exclusive mark, no look at pins before the unmap",
      expect: "ok",
    },
    "exclusive-checked": { ...of(under("linux-6.1")), about: "v5.19: both", expect: "ok" },
    "skip-pinned-unmap": {
      ...of(under("linux-5.10", { unmapPinCheck: true })),
      about: "the series of June 2020 instead: try_to_unmap_one leaves pinned pages alone",
      expect: "ok",
    },
    "reference-5.11": {
      ...of(under("linux-5.11"), GET),
      about: "v5.11, the device has a plain reference",
      expect: "lost-write",
    },
    "reference-6.1": { ...of(under("linux-6.1"), GET), about: "v5.19, the device has a plain reference", expect: "ok" },
  },
  setup(m, v) {
    const k = swapKernel(m, { rules: v.inForce });
    m.spawn("main", main, [k, createProcess(k), createPages("pinned", 1), v.flags], { children: 2 });
  },
});
