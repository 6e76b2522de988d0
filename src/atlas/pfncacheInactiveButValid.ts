import {
  createGpc,
  type Gpc,
  gpcActivate,
  gpcDeactivate,
  gpcMakeActive,
  type PfncacheRules,
  sendEvent,
} from "../drivers/kvmPfncache.ts";
import type { Task } from "../machine/core.ts";
import { defineCase } from "../machine/scenario.ts";
import type { Kernel } from "../mm/kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../mm/madvise.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { mmuNotifierRegister } from "../mm/mmuNotifier.ts";
import { anonPages } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";

function* deactivates(gpc: Gpc): Task {
  yield* gpcDeactivate(gpc);
}

/** The page comes with the first event. */
function* activates(gpc: Gpc): Task {
  yield* gpcMakeActive(gpc);
}

function* boots(k: Kernel, gpc: Gpc, mm: Mm): Task {
  yield* gpcActivate(k, gpc, mm);
}

function* sends(k: Kernel, gpc: Gpc, mm: Mm): Task {
  yield* sendEvent(k, gpc, mm, 2);
}

function* drops(k: Kernel, p: Process): Task {
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
}

const all: PfncacheRules = { checkAsks: true, refreshAsks: true, listedFirst: true };
const row = (ioctl: "deactivates" | "activates", force: Partial<PfncacheRules>) => ({
  ioctl,
  force: { ...all, ...force },
});

export default defineCase<{ ioctl: string; force: PfncacheRules }>({
  id: "pfncache-inactive-but-valid",
  title: "a cache that invalidations cannot find is made valid",
  class: "uaf",
  text: `KVM writes to a page of the guest through a cache without a reference; invalidations find the cache on a list. When it was
taken off the list nothing kept others from refreshing it: then it is valid, and no invalidation finds it.

*Buggy run:* an ioctl deactivates the cache; somebody who sends an event refreshes it; the process gives the page back; the
event is written to a page that is free.

*Fix:* refuse both the check and the refresh of what is not active, and let "active" mean "on the list". Each part is needed:
if only the refresh refuses, an event uses the cache between its leaving the list and its becoming invalid. If only the check
refuses, the sender goes round for ever (the refresh says that all is well), and when the cache is activated later, it is valid
with a page that it got off the list. If it is active before it is on the list, it can be refreshed in between.`,
  sources: [
    {
      ref: "ecbcf030b456",
      what: "KVM: Reject attempts to consume or refresh inactive gfn_to_pfn_cache, v6.1; CVE-2022-49882",
    },
  ],
  variants: {
    buggy: {
      ...row("deactivates", { checkAsks: false, refreshAsks: false }),
      expect: "use-after-free",
      about: "nobody asks",
    },
    "only-refresh": {
      ...row("deactivates", { checkAsks: false }),
      expect: "use-after-free",
      about: "only the refresh asks",
    },
    "only-check": { ...row("deactivates", { refreshAsks: false }), expect: "livelock", about: "only the check asks" },
    "only-check-activate": {
      ...row("activates", { refreshAsks: false }),
      expect: "use-after-free",
      about: "the same, activated",
    },
    "active-first": {
      ...row("activates", { listedFirst: false }),
      expect: "use-after-free",
      about: "active, then listed",
    },
    fixed: { ...row("deactivates", {}), expect: "ok", about: "v6.1: all three" },
    "fixed-activate": { ...row("activates", {}), expect: "ok", about: "v6.1, activated" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    const p = createProcess(k);
    const mm = p.mm as Mm;
    const sub = createGpc(m, A, v.force);
    const gpc = sub.driver;
    m.boot(anonPages, [k, p, A, 1]);
    m.boot(mmuNotifierRegister, [k, sub, mm]);
    if (v.ioctl === "deactivates") m.boot(boots, [k, gpc, mm]);
    if (v.ioctl === "deactivates") m.spawn("ioctl", deactivates, [gpc]);
    else m.spawn("ioctl", activates, [gpc]);
    m.spawn("sender", sends, [k, gpc, mm]);
    m.spawn("invalidator", drops, [k, p]);
  },
});
