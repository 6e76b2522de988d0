import { createOdpMr, deregMr, type RevokeRules } from "../drivers/mlx5Revoke.ts";
import type { Task } from "../machine/core.ts";
import { defineCase } from "../machine/scenario.ts";
import type { Kernel } from "../mm/kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../mm/madvise.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { mmuIntervalNotifierInsert } from "../mm/mmuIntervalNotifier.ts";
import { anonPages } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";

function* drops(k: Kernel, p: Process): Task {
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
}

const row = (underMutex: boolean, clearsPointer: boolean): RevokeRules => ({ underMutex, clearsPointer });

export default defineCase<RevokeRules>({
  id: "odp-revoke-vs-invalidate",
  title: "a key is revoked while the notifier still updates what it stands for",
  class: "uaf",
  text: `The callback of a memory region asks the hardware to update the translation of the region's key. A key that was revoked
cannot be updated: the queue that carries all such updates goes to the error state.

*Buggy run:* deregistration revokes the key; an invalidation, which still finds the subscription, posts an update for it. *Fix:*
revoke under umem_mutex, and clear the umem's pointer to its region there, so that later callbacks do nothing. Both are needed:
with the mutex alone the next callback posts the update; with the pointer alone one that has looked at it already does.

The mutex is held longer now, across storing the key in a cache: that is the cause of alloc-under-notifier-lock (case 2).`,
  sources: [
    {
      ref: "abb604a1a9c8",
      what: "RDMA/mlx5: Fix a race for an ODP MR which leads to CQE with error, v6.14; CVE-2025-21732",
    },
  ],
  variants: {
    buggy: { ...row(false, false), expect: "use-after-free", about: "revoked without the mutex" },
    "only-mutex": { ...row(true, false), expect: "use-after-free", about: "the umem still knows its region" },
    "only-pointer": {
      ...row(false, true),
      expect: "use-after-free",
      about: "the pointer is cleared, without the mutex",
    },
    fixed: { ...row(true, true), expect: "ok", about: "v6.14: both" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    const p = createProcess(k);
    const sub = createOdpMr(m, k, row(v.underMutex, v.clearsPointer));
    m.boot(anonPages, [k, p, A, 1]);
    m.boot(mmuIntervalNotifierInsert, [k, sub, p.mm as Mm, A, 1]);
    m.spawn("dereg", deregMr, [k, sub]);
    m.spawn("invalidator", drops, [k, p]);
  },
});
