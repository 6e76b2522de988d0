/**
 * Reclaim against a driver that shares the page tables of a process: the device maps the page, writes to it, stops, and its
 * subscription ends, while reclaim takes the page away. What the device wrote is what the process reads; the device has no
 * page that the process has not; and nobody is called who is gone.
 *
 *   since v4.13:  start, may sleep ─▶ page-table lock: entry cleared ─▶ unlock ─▶ end
 *   v4.11, 4.12:  page-table lock: entry cleared, invalidate_page ─▶ unlock: a driver with a mutex sleeps under a spinlock
 *   called after the unlock instead: for a while the device has a page that the process has not
 *
 * The page itself would not be freed before the late call: reclaim has a reference.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import type { Kernel } from "../kernel.ts";
import { userRead } from "../memory.ts";
import type { Mm, Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { createNotifier, type MmuNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "../mmuNotifier.ts";
import { type Rules, rules } from "../rules.ts";
import { classicMap, classicOps, createDevice, type Device, deviceStop, deviceWrite } from "../world/devices.ts";
import { coldPage, leave, reclaims, swapKernel } from "../world/reclaim.ts";
import { A } from "../world/small.ts";

function* main(k: Kernel, p: Process, sub: MmuNotifier, careful: boolean): Task {
  yield* coldPage(k, p);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  const a = spawn(reclaims, k);
  const b = spawn(driver, k, p, sub, careful);
  yield* join(a);
  yield* join(b);
  yield* leave(k, p);
}

function* driver(k: Kernel, p: Process, sub: MmuNotifier, careful: boolean): Task {
  const dev = sub.driver as Device;
  yield* choose(1); // anybody may begin
  yield* classicMap(k, p.mm as Mm, dev, A, careful);
  const wrote = yield* deviceWrite(k, dev, 3);
  yield* deviceStop(dev);
  yield* mmuNotifierUnregister(k, sub);
  const seen = yield* userRead(k, p, A);
  const expected = wrote ? 3 : 1;
  must(seen === expected, "lost-write", `the page was last written with ${expected}, and ${seen} is read`);
}

interface Parameters {
  readonly inForce: Rules;
  readonly slow: boolean;
  readonly careful: boolean;
  readonly watchPtes: boolean;
}
const base: Parameters = { inForce: rules("linux-6.1"), slow: false, careful: true, watchPtes: true };
const underPtl = rules("linux-6.1", { unmapNotifies: "underPtl" });
const late = rules("linux-6.1", { unmapNotifies: "afterUnlock" });

export const reclaimNotifier = defineCase<Parameters>({
  id: "mm-reclaim-notifier",
  title: "reclaim against a driver that maps the page and ends its subscription",
  variants: {
    "linux-6.1": { ...base, expect: "ok" },
    "linux-6.1-slow": { ...base, slow: true, expect: "ok" },
    "invalidate-page-under-ptl": { ...base, inForce: underPtl, watchPtes: false, expect: "atomic-sleep" },
    "invalidate-page-after-unlock": { ...base, inForce: late, watchPtes: false, expect: "missed-notification" },
    "invalidate-page-after-unlock-watched": { ...base, inForce: late, expect: "missed-notification" },
    "map-without-retry": { ...base, careful: false, expect: "missed-notification" },
  },
  setup(m, v) {
    const k = swapKernel(m, { rules: v.inForce, swapSlow: v.slow, watchPtes: v.watchPtes });
    const p = createProcess(k);
    const dev = createDevice(m, k, p.mm as Mm, A);
    const sub = createNotifier(m, "subscriber", classicOps, dev);
    m.spawn("main", main, [k, p, sub, v.careful], { children: 2 });
  },
});
