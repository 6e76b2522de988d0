/**
 * A device goes on writing to a page while the page is copied: the device uses the page tables of the process, has a TLB of
 * its own, and hears of nothing but invalidate_range.
 *
 *   mprotect:   entry read-only ─▶ page-table lock dropped ─────────────────────────────▶ end: the device's TLB is flushed
 *   migration:       reads the entry: nobody can write ─▶ cleared, no word to anybody ─▶ copied ─▶ the device writes
 *
 * So migration announces what it does, whatever somebody else is about to announce (NUMA balancing of huge pages did not,
 * before v4.20; here with a small page).
 */
import type { Handle, Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { GFP_HIGHUSER_MOVABLE } from "../../machine/gfp.ts";
import { defineCase } from "../../machine/scenario.ts";
import { int, struct } from "../../machine/struct.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { folioIsolateLru, putbackMovablePages } from "../isolate.ts";
import type { Kernel } from "../kernel.ts";
import { userRead, userWrite } from "../memory.ts";
import { migratePages } from "../migrate.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import {
  createNotifier,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierRegister,
  mmuNotifierUnregister,
} from "../mmuNotifier.ts";
import { sysMprotect } from "../mprotect.ts";
import { freePageListHead, listAddTail, newPageList } from "../pageList.ts";
import { pteAt, ptePfn } from "../pageTable.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

interface SecondaryTlb extends Handle {
  /** Frame to which the device may write; 0 = it would have to look in the page table. */
  frame: number;
  wrote: number;
}
const ordered = "a TLB, flushed by whoever invalidates";
const secondaryTlb = struct("secondaryTlb", { frame: int({ ordered }), wrote: int({ ordered }) });

const ops: MmuNotifierOps = {
  *invalidateRange(_k, sub): Task {
    (sub.driver as SecondaryTlb).frame = 0;
  },
};

function* main(k: Kernel, p: Process, sub: MmuNotifier): Task {
  const device = sub.driver as SecondaryTlb;
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  device.frame = ptePfn(pteAt(k, p.mm as Mm, A));
  const a = spawn(protector, k, p);
  const b = spawn(compactor, k, device.frame);
  const c = spawn(writer, k, device);
  yield* join(a);
  yield* join(b);
  yield* join(c);
  const seen = yield* userRead(k, p, A);
  const expected = device.wrote !== 0 ? 3 : 1;
  must(seen === expected, "lost-write", `the page was last written with ${expected}, and ${seen} is read`);
  yield* mmuNotifierUnregister(k, sub);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* protector(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  yield* sysMprotect(k, p, A, 1, PROT_READ);
}

/** Moves the page without looking at its process: no mmap_lock. */
function* compactor(k: Kernel, pfn: number): Task {
  yield* choose(1);
  if (!(yield* folioIsolateLru(k, pfn))) return;
  const list = newPageList(k);
  listAddTail(k, list, pfn);
  yield* migratePages(k, list, GFP_HIGHUSER_MOVABLE, 1);
  yield* putbackMovablePages(k, list);
  freePageListHead(k, list);
}

function* writer(k: Kernel, device: SecondaryTlb): Task {
  yield* choose(1);
  if (device.frame === 0) return;
  k.frames.content[device.frame] = 3;
  device.wrote = 1;
}

const without = rules("linux-6.1", { without: ["migrateNotifies"] });

export const lateInvalidate = defineCase<{ inForce: Rules; watchPtes: boolean }>({
  id: "mm-late-invalidate",
  title: "migration in the middle of somebody else's invalidation, against a device that writes",
  variants: {
    "linux-6.1": { inForce: rules("linux-6.1"), watchPtes: true, expect: "ok" },
    "left-to-the-other": { inForce: without, watchPtes: false, expect: "lost-write" },
    "left-to-the-other-watched": { inForce: without, watchPtes: true, expect: "missed-notification" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, nodes: 2, frames: 8, watchPtes: v.watchPtes });
    const device: SecondaryTlb = secondaryTlb.create("device");
    const sub = createNotifier(m, "subscriber", ops, device);
    m.spawn("main", main, [k, createProcess(k), sub], { children: 3 });
  },
});
