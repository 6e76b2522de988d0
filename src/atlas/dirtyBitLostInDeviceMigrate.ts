import { createDeviceMemory, type DeviceMemory, migrateToDevice } from "../drivers/deviceMemory.ts";
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import type { Kernel } from "../mm/kernel.ts";
import { MADV_COLD, MADV_WILLNEED, sysMadvise } from "../mm/madvise.ts";
import { userRead, userWrite } from "../mm/memory.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import type { Rules } from "../mm/rules.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { performReclaim } from "../mm/vmscan.ts";
import { under } from "../mm/world/onePage.ts";
import { coldPage, leave, reclaims, swapKernel } from "../mm/world/reclaim.ts";
import { A } from "../mm/world/small.ts";

/** To swap and back, over the swap cache: the page keeps its place there. Then it is written, of which only its entry knows. */
function* boots(k: Kernel, p: Process): Task {
  yield* coldPage(k, p);
  yield* performReclaim(k, GFP_KERNEL, 0);
  yield* sysMadvise(k, p, A, 1, MADV_WILLNEED);
  yield* userRead(k, p, A);
  yield* userWrite(k, p, A, 2);
  yield* lruAddDrain(k);
  yield* sysMadvise(k, p, A, 1, MADV_COLD);
}

function* main(k: Kernel, p: Process, device: DeviceMemory): Task {
  const a = spawn(migrator, k, p, device);
  const b = spawn(reclaimer, k);
  yield* join(a);
  yield* join(b);
  const seen = yield* userRead(k, p, A);
  must(seen === 2, "lost-write", `2 was written to the page, and ${seen} is read`);
  yield* leave(k, p);
}

/** The driver wants the page in the memory of its device, where nothing can go that has a place in swap. */
function* migrator(k: Kernel, p: Process, device: DeviceMemory): Task {
  yield* choose(1); // reclaim may begin
  yield* migrateToDevice(k, device, p.mm as Mm, A, A + 1);
}

function* reclaimer(k: Kernel): Task {
  yield* choose(1);
  yield* lruAddDrain(k);
  yield* reclaims(k);
}

export default defineCase<{ inForce: Rules }>({
  id: "dirty-bit-lost-in-device-migrate",
  title: "migration to a device forgets that the page was dirty",
  class: "lost-write",
  text: `A page came back from swap and keeps its place there. It is written: its entry is dirty, the page itself is not. A driver
asks for it; the entry becomes a migration entry, and its dirty bit is dropped. The page cannot go, since it is in the swap cache, and
is mapped again, clean. Reclaim finds that what is in swap is as good, and drops the page.

*Fix:* whoever clears a dirty entry marks the page dirty, as try_to_migrate does. Without a place in swap nothing is lost: reclaim has
to write such a page anyway (so \`buggy\` needs the way through swap).`,
  sources: [{ ref: "fd35ca3d12cc", what: "mm/migrate_device.c: copy pte dirty bit to page, v6.1" }],
  variants: {
    buggy: {
      ...under("linux-6.1", { without: ["migrateKeepsDirty"] }),
      about: "up to v6.0: the dirty bit goes with the entry",
      expect: "lost-write",
    },
    fixed: { ...under("linux-6.1"), about: "v6.1: the page is marked dirty", expect: "ok" },
  },
  setup(m, v) {
    const k = swapKernel(m, { rules: v.inForce, devicePages: 1 });
    const device = createDeviceMemory(m, k, "device", 1);
    const p = createProcess(k);
    m.boot(boots, [k, p]);
    m.spawn("main", main, [k, p, device], { children: 2 });
  },
});
