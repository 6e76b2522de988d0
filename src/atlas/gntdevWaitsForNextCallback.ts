import { createGrantMap } from "../drivers/gntdev.ts";
import { createUserptr, getPages, getPagesWorker, i915MmuNotifier } from "../drivers/i915Userptr.ts";
import {
  createIntervalUserptr,
  type IntervalObject,
  releaseObject,
  submitInit,
} from "../drivers/i915UserptrInterval.ts";
import type { Task } from "../machine/core.ts";
import { EAGAIN } from "../machine/errno.ts";
import { defineCase } from "../machine/scenario.ts";
import { work, workqueue } from "../machine/workqueue.ts";
import type { Kernel } from "../mm/kernel.ts";
import { sysMunmap } from "../mm/mmap.ts";
import type { Mm } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import type { IntervalNotifier } from "../mm/mmuNotifierTypes.ts";
import { type PresetName, rules } from "../mm/rules.ts";
import { anonPages } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";

/** One more job on the object, which lets outdated pages go; then the object is destroyed. */
function* submitAndRelease(k: Kernel, object: IntervalObject, notifier: IntervalNotifier): Task {
  while ((yield* submitInit(k, object, notifier)) === -EAGAIN);
  yield* releaseObject(k, object);
}

interface Apis {
  readonly gntdev: "classic" | "interval";
  readonly i915: "classic" | "interval";
  readonly rules: PresetName;
}
const v5_4 = { gntdev: "classic", i915: "classic", rules: "linux-5.7" } as const;
const v5_10 = { gntdev: "interval", i915: "classic", rules: "linux-5.10" } as const;
const v5_15 = { gntdev: "interval", i915: "interval", rules: "linux-5.11" } as const;

/** `registered`: who comes first; of two classic subscribers the later one is called first, of two intervals the earlier. */
function row(
  apis: Apis,
  registered: "gntdev first" | "i915 first",
  unmap: "waits" | "async",
  expect: "ok" | "deadlock",
  about: string,
) {
  return { ...apis, gntdevFirst: registered === "gntdev first", asyncUnmap: unmap === "async", expect, about };
}

export default defineCase({
  id: "gntdev-waits-for-next-callback",
  title: "a callback waits for references that the next callback would drop",
  class: "deadlock",
  text: `gntdev may give a granted page back only when nobody refers to it any more, and its callback waited for that. If the
page is part of an i915 userptr object, i915's pin has to go first, and who lets it go depends on the kernel:

- Both classic (until v5.4): i915's callback does. The newest subscriber is called first, so it is a matter of who
  registered last. Correctness must not depend on that.
- gntdev interval, i915 classic (v5.5 … v5.12): interval callbacks come before all classic ones, whatever the order of
  registration, so this always deadlocks. The catalogue predicted "ok for the other order"; that holds for the first
  kind only.
- Both interval (v5.13 … v5.18, where QubesOS met it): i915's callback lets nothing go. Its next submission does, and if
  i915's callback came first, that waits in read_begin for the end of the section that gntdev's callback is holding up. A
  second thread, and the opposite order: with gntdev first the submission does not notice the section yet, and the page
  is free when the object goes.

*Fix:* unmap asynchronously. The section ends, the pin goes, then a work item gives the page back.`,
  sources: [
    { ref: "dbe97cff7dd9", what: "xen/gntdev: Avoid blocking in unmap_grant_pages(), v5.19" },
    { ref: "QubesOS issue 7481", what: "where it was met: i915 waited for gntdev's notifier, gntdev for i915's pages" },
  ],
  variants: {
    buggy: row(v5_4, "i915 first", "waits", "deadlock", "both classic, gntdev newest, so called first"),
    "buggy-other-order": row(v5_4, "gntdev first", "waits", "ok", "both classic, i915 newest"),
    "buggy-5.10": row(v5_10, "i915 first", "waits", "deadlock", "gntdev interval, so called first"),
    "buggy-5.10-other-order": row(v5_10, "gntdev first", "waits", "deadlock", "the same, i915 newest"),
    "buggy-5.15": row(v5_15, "i915 first", "waits", "deadlock", "both interval, i915 called first"),
    "buggy-5.15-other-order": row(v5_15, "gntdev first", "waits", "ok", "both interval, gntdev called first"),
    fixed: row(v5_4, "i915 first", "async", "ok", "asynchronous unmap, gntdev newest"),
    "fixed-other-order": row(v5_4, "gntdev first", "async", "ok", "asynchronous unmap, i915 newest"),
    "fixed-5.10": row(v5_10, "i915 first", "async", "ok", "asynchronous unmap, gntdev interval"),
    "fixed-5.15": row(v5_15, "i915 first", "async", "ok", "v5.19: asynchronous unmap, both interval"),
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: rules(v.rules) });
    const p = createProcess(k);
    const mm = p.mm as Mm;
    m.boot(anonPages, [k, p, A, 1]);
    const gntdev = () => createGrantMap(m, k, p, A, { api: v.gntdev, asyncUnmap: v.asyncUnmap });
    const early = v.gntdevFirst ? gntdev() : null;
    if (v.i915 === "classic") {
      const object = createUserptr(m, k, i915MmuNotifier(m, k, mm), A, 1);
      m.boot(getPages, [k, object, work("getPages", workqueue("userptr"), getPagesWorker, k, object)]);
    } else {
      const { object, notifier } = createIntervalUserptr(m, k, mm, A, 1, { waitInCallback: true });
      m.boot(submitInit, [k, object, notifier]);
      m.spawn("submitter", submitAndRelease, [k, object, notifier]);
    }
    const grant = early ?? gntdev();
    m.spawn("unmapper", sysMunmap, [k, p, A, 1]);
    m.atEnd("the grant is given back", () => grant.given.value === 1);
  },
});
