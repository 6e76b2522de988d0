import {
  createGem,
  type GemDevice,
  type GemPolicy,
  gemGetPages,
  gemPutPages,
  gemRetire,
  gemSubmit,
} from "../drivers/gem.ts";
import { memallocRestore, memallocSave, PF_KSWAPD } from "../machine/context.ts";
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { createKernel, type Kernel } from "../mm/kernel.ts";
import { registerShrinker, unregisterShrinker } from "../mm/shrinker.ts";
import { performReclaim } from "../mm/vmscan.ts";

/** All objects have pages, and the GPU works with the first `busy` of them. */
function* main(k: Kernel, gpu: GemDevice, busy: number): Task {
  yield* registerShrinker(k, gpu.shrinker);
  for (let i = 0; i < gpu.objects.length; i++) {
    yield* gemGetPages(k, gpu, gpu.objects[i]);
    if (i < busy) yield* gemSubmit(gpu, gpu.objects[i]);
  }
  const a = spawn(kswapd, k, gpu, busy < gpu.objects.length);
  const b = spawn(engine, gpu, busy);
  yield* join(a);
  yield* join(b);
  yield* unregisterShrinker(k, gpu.shrinker);
  for (let i = 0; i < gpu.objects.length; i++) if (gpu.objects[i].hasPages) yield* gemPutPages(k, gpu, gpu.objects[i]);
}

/** One round of background reclaim. Whoever else needs memory meanwhile waits for it. */
function* kswapd(k: Kernel, gpu: GemDevice, idle: boolean): Task {
  yield* choose(1);
  const before = memallocSave(PF_KSWAPD);
  yield* performReclaim(k, GFP_KERNEL, 0);
  memallocRestore(PF_KSWAPD, before);
  const freed = withoutPages(gpu);
  must(
    gpu.stalls === 0,
    "policy",
    `kswapd has waited ${gpu.stalls} times for the GPU; it may 0 times. ${freed} pages freed`,
  );
  must(!idle || freed > 0, "policy", "there was an idle object, and it has not been taken");
}

/** How many objects, of a page each, have given it. Reclaim does not count them: only slab pages report themselves. */
function withoutPages(gpu: GemDevice): number {
  let n = 0;
  for (const object of gpu.objects) if (!object.hasPages) n++;
  return n;
}

function* engine(gpu: GemDevice, busy: number): Task {
  yield* choose(1); // the GPU takes its time
  for (let i = 0; i < busy; i++) yield* gemRetire(gpu.objects[i]);
}

interface Parameters {
  readonly policy: GemPolicy;
  readonly busy: number;
}

export default defineCase<Parameters>({
  id: "gpu-stall-from-kswapd",
  title: "background reclaim waits for the GPU",
  class: "policy",
  text: `The shrinker of a driver is asked for memory by kswapd. The first object in its list is one that the GPU works with. Freeing
it is possible: one waits until the GPU is done. Meanwhile nobody reclaims in the background, although the next object is idle,
and whoever allocates has to reclaim directly or wait.

*Bound:* kswapd waits for the GPU 0 times; and where there is an idle object, it brings at least one page.

*Fix:* background reclaim takes idle objects only; what the GPU has is left to those who are about to fail, and to the OOM
notifier. The same author's MAYFAIL of 2020 asks for the same on the side of the notifier, where it was refused.

*Not the last word:* later kernels, 6.1 among them, have a second pass, for kswapd alone, that wakes the device and waits, when
the first one has looked at less than it was asked to look at. Batches are large, so that is the case as soon as all objects
together are smaller than a batch: it waits although it has just freed an idle object. The rows for 6.1 show both.`,
  sources: [{ ref: "5763ff04dc4e", what: "drm/i915: Avoid GPU stalls from kswapd, Chris Wilson, v4.4" }],
  variants: {
    buggy: {
      policy: "waits-for-gpu",
      busy: 1,
      about: "waits for what comes first; the other object is idle",
      expect: "policy",
    },
    "buggy-all-busy": { policy: "waits-for-gpu", busy: 2, about: "waits; no object is idle", expect: "policy" },
    fixed: { policy: "never-waits", busy: 1, about: "v4.4: idle objects only", expect: "ok" },
    "fixed-all-busy": {
      policy: "never-waits",
      busy: 2,
      about: "v4.4, and no object is idle: nothing is freed, nobody waits",
      expect: "ok",
    },
    "6.1": { policy: "trylock", busy: 1, about: "second pass for kswapd; one object is idle", expect: "policy" },
    "6.1-all-busy": {
      policy: "trylock",
      busy: 2,
      about: "second pass for kswapd; no object is idle",
      expect: "policy",
    },
    "6.1-all-idle": { policy: "trylock", busy: 0, about: "second pass for kswapd; all objects are idle", expect: "ok" },
  },
  setup(m, v) {
    const sizes = { frames: 3, nodes: 1, tableShift: 1, windowShift: 3, tables: 2, mms: 1, processes: 1, vmas: 1 };
    const more = { inodes: 1, files: 1, filePages: 1, gathers: 1, gatherPages: 2, shrinkers: 1, reclaimers: 2 };
    const k = createKernel(m, { ...sizes, ...more, shrinking: 2, reclaims: true });
    const gpu = createGem(m, k, "gpu", [1, 1], v.policy);
    m.spawn("main", main, [k, gpu, v.busy], { children: 2 });
    m.atEnd("memory", () => k.state.pagesInUse === 0 || `${k.state.pagesInUse} frames are not free`);
  },
});
