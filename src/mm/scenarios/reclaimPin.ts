/**
 * Reclaim against pins: a device gets at a page through fast GUP while reclaim takes it away. Whatever the order, what the
 * device writes is what the process reads, also when the process faults the page in again and writes to it meanwhile.
 *
 *   GUP-fast:  entry ─▶ reference, unless it is 0 ─▶ entry the same? else give it back
 *   reclaim:   may it be pinned? ─▶ swap cache ─▶ entry cleared ─▶ may it be pinned? restored ─▶ … ─▶ references frozen
 *
 * A page in swap that is pinned comes back read-only, and a write copies it: then the device has a page that the process has
 * not (before v5.11). With PG_anon_exclusive the entry in swap remembers whose the page is.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { createPages, FOLL_GET, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import { userRead, userWrite } from "../memory.ts";
import type { Mm, Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { type Guard, type PresetName, type Rules, rules } from "../rules.ts";
import { coldPage, leave, reclaims, swapKernel } from "../world/reclaim.ts";
import { A } from "../world/small.ts";

function* main(k: Kernel, p: Process, pages: Pages, flags: number, early: boolean): Task {
  yield* coldPage(k, p);
  if (early) yield* pins(k, p, pages, flags);
  const a = spawn(reclaims, k);
  const b = spawn(early ? toucher : pinner, k, p, pages, flags);
  yield* join(a);
  yield* join(b);
  if (early) {
    // The device is done: it has written, and says so.
    k.frames.content[pages.pfn[0]] = 3;
    yield* unpinUserPages(k, pages, 1, flags, true);
  }
  const seen = yield* userRead(k, p, A);
  must(seen === 3, "lost-write", `the device wrote 3 to the page that it had pinned, and the process reads ${seen}`);
  yield* leave(k, p);
}

function* pins(k: Kernel, p: Process, pages: Pages, flags: number): Task {
  const got = yield* getUserPagesFast(k, p.mm as Mm, A, 1, flags, pages);
  must(got === 1, "assertion", `the page could not be pinned: ${got}`);
}

/** The device pins, writes and gives back, all while reclaim is at it. */
function* pinner(k: Kernel, p: Process, pages: Pages, flags: number): Task {
  yield* choose(1); // anybody may begin
  yield* pins(k, p, pages, flags);
  k.frames.content[pages.pfn[0]] = 3;
  yield* unpinUserPages(k, pages, 1, flags, true);
}

/** The process uses the page that a device has: it reads, and it writes. */
function* toucher(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* userRead(k, p, A);
  yield* userWrite(k, p, A, 2);
}

interface Parameters {
  readonly inForce: Rules;
  readonly flags: number;
  /** Does the device have the page before reclaim begins? */
  readonly early: boolean;
  readonly slow: boolean;
}
const without = (guard: Guard): Rules => rules("linux-6.1", { without: [guard] });
const PIN = FOLL_PIN | FOLL_WRITE;
const GET = FOLL_GET | FOLL_WRITE;
const racing = (inForce: Rules, flags: number, slow = false): Parameters => ({ inForce, flags, early: false, slow });
const held = (preset: PresetName, flags = PIN): Parameters => ({
  inForce: rules(preset),
  flags,
  early: true,
  slow: false,
});

export const reclaimPin = defineCase<Parameters>({
  id: "mm-reclaim-pin",
  title: "reclaim against a pin without locks, and of a pinned page",
  variants: {
    "linux-6.1-pin": { ...racing(rules("linux-6.1"), PIN), expect: "ok" },
    "linux-6.1-pin-slow": { ...racing(rules("linux-6.1"), PIN, true), expect: "ok" },
    "linux-6.1-get": { ...racing(rules("linux-6.1"), GET), expect: "ok" },
    "linux-6.1-get-slow": { ...racing(rules("linux-6.1"), GET, true), expect: "ok" },
    "linux-6.1-pinned": { ...held("linux-6.1"), expect: "ok" },
    "linux-5.11-pinned": { ...held("linux-5.11"), expect: "ok" },
    // The pin reaches the process's page by its mapping alone.
    "linux-5.7-pinned": { ...held("linux-5.7"), expect: "ok" },
    "skip-pinned-unmap": { ...held("skip-pinned-unmap"), expect: "ok" },
    "pinned-page-swapcache": { ...held("linux-5.10"), expect: "lost-write" },
    "linux-6.1-held": { ...held("linux-6.1", GET), expect: "ok" },
    "linux-5.11-held": { ...held("linux-5.11", GET), expect: "lost-write" },
    "without-gup-recheck": { ...racing(without("gupFastRecheck"), PIN), expect: "assertion" },
    "without-reference-check": { ...racing(without("removeRefCheck"), GET), expect: "use-after-free" },
    "without-freeze": { ...racing(without("removeFreeze"), PIN), expect: "use-after-free" },
  },
  setup(m, v) {
    const k = swapKernel(m, { rules: v.inForce, swapSlow: v.slow });
    m.spawn("main", main, [k, createProcess(k), createPages("pinned", 1), v.flags, v.early], { children: 2 });
  },
});
