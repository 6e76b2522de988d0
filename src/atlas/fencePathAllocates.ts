/** A GPU whose power-up sets a bandwidth in the interconnect framework, in whose lock somebody else allocates. */
import { memallocRestore, memallocSave, PF_MEMALLOC, PF_MEMALLOC_NOIO } from "../machine/context.ts";
import type { Handle, Task } from "../machine/core.ts";
import { type Fence, fenceField, fenceSignal, fenceWait, signaledBy } from "../machine/fence.ts";
import { currentGfpContext, GFP_KERNEL, mayEnterReclaim, mightAlloc } from "../machine/gfp.ts";
import { lock, type Mutex, mutexField, unlock } from "../machine/mutex.ts";
import { defineCase } from "../machine/scenario.ts";
import { int, struct } from "../machine/struct.ts";
import { choose } from "../machine/wait.ts";

interface Gpu extends Handle {
  /** Power management of the GPU: its management unit. */
  readonly gmuLock: Mutex;
  /** Nodes and links of the interconnect; made and deleted under it. */
  readonly iccLock: Mutex;
  /** v6.6: sums of bandwidth. Nobody allocates under it. */
  readonly iccBwLock: Mutex;
  nodes: number;
  bandwidth: number;
  /** Of a job that uses the pages which reclaim would like to have. */
  readonly fence: Fence;
}
const gpuStruct = struct("gpu", {
  gmuLock: mutexField(),
  iccLock: mutexField(),
  iccBwLock: mutexField(),
  nodes: int({ guardedBy: "iccLock" }),
  bandwidth: int({ ordered: "icc_lock before v6.6, icc_bw_lock since" }),
  fence: fenceField(),
});

/** An allocation: there is memory, or reclaim wants a page that the job uses and asks the driver for it. */
function* kzalloc(gpu: Gpu): Task<void> {
  const gfp = currentGfpContext(GFP_KERNEL);
  mightAlloc(gfp);
  if (!mayEnterReclaim(gfp) || (yield* choose(2)) === 0) return;
  yield* invalidateRangeStart(gpu);
}

/** The callback of the driver: the GPU must be done with the page. */
function* invalidateRangeStart(gpu: Gpu): Task {
  yield* fenceWait(gpu.fence);
}

/** icc_node_create, icc_node_add: `scope` = PF_* flags around the allocation under the lock. */
function* probe(gpu: Gpu, bwLock: boolean, scope: number): Task {
  yield* lock(gpu.iccLock);
  const before = memallocSave(scope);
  yield* kzalloc(gpu);
  memallocRestore(scope, before);
  if (bwLock) yield* lock(gpu.iccBwLock);
  gpu.nodes++;
  if (bwLock) yield* unlock(gpu.iccBwLock);
  yield* unlock(gpu.iccLock);
}

/** icc_set_bw: called while the GPU is woken up, so a fence may wait for it. */
function* iccSetBw(gpu: Gpu, bwLock: boolean): Task {
  const l = bwLock ? gpu.iccBwLock : gpu.iccLock;
  yield* lock(l);
  gpu.bandwidth = 1;
  yield* unlock(l);
}

/** The scheduler's thread: everything from here to the signal is on the path of the fence. `awake`: the GPU has its bandwidth. */
function* runJob(gpu: Gpu, bwLock: boolean, awake: boolean): Task {
  signaledBy(gpu.fence);
  yield* choose(1); // anybody may begin
  if (awake) {
    yield* lock(gpu.gmuLock);
    yield* unlock(gpu.gmuLock);
  } else yield* gmuResume(gpu, bwLock);
  yield* fenceSignal(gpu.fence);
}

/** a6xx_gmu_resume, a6xx_gmu_set_freq: frequency and bandwidth, under the gmu lock. */
function* gmuResume(gpu: Gpu, bwLock: boolean): Task {
  yield* lock(gpu.gmuLock);
  yield* iccSetBw(gpu, bwLock);
  yield* unlock(gpu.gmuLock);
}

const buggy = { bwLock: false, scope: 0, devfreq: false } as const;

export default defineCase({
  id: "fence-path-allocates",
  title: "a fence waits for a lock under which somebody allocates",
  class: "deadlock",
  text: `Reclaim may wait for fences, through a notifier or a shrinker, so nothing on the way to signalling a fence may wait for an
allocation; nor for a lock under which anybody allocates, in whatever subsystem. Here four are involved: the scheduler's
job wakes the GPU, which takes the gmu lock, and sets a bandwidth, which takes icc_lock; a driver that is being probed
allocates an interconnect node under icc_lock.

*Buggy run:* the probe holds icc_lock and its allocation reclaims a page of the job: the notifier waits for the fence; the
job waits for icc_lock. Two threads are enough. The catalogue counts three: the third is frequency scaling, which waits for
icc_lock with the gmu lock held; then the job need not touch the interconnect itself (\`buggy-devfreq\`).

*Fix:* a second lock for what is needed to set a bandwidth, never held around an allocation. A NOIO scope around the
allocation is no fix, since notifiers are called in it all the same; PF_MEMALLOC would be one, at the price of reserves.`,
  sources: [
    { ref: "af42269c3523", what: "interconnect: Fix locking for runpm vs reclaim, v6.6; CVE-2023-54013" },
    { ref: "5fbff813a4a3", what: "dma-fence: basic lockdep annotations, v5.9: the rule" },
  ],
  variants: {
    buggy: { ...buggy, expect: "deadlock", about: "icc_lock around the allocation, two threads" },
    "buggy-devfreq": {
      ...buggy,
      devfreq: true,
      expect: "deadlock",
      about: "the job needs only the gmu lock: three threads",
    },
    "noio-scope": { ...buggy, scope: PF_MEMALLOC_NOIO, expect: "deadlock", about: "NOIO scope: notifiers are called" },
    "noreclaim-scope": { ...buggy, scope: PF_MEMALLOC, expect: "ok", about: "PF_MEMALLOC scope: no reclaim" },
    fixed: { ...buggy, bwLock: true, expect: "ok", about: "v6.6: icc_bw_lock" },
    "fixed-devfreq": { ...buggy, bwLock: true, devfreq: true, expect: "ok", about: "the same, with frequency scaling" },
  },
  setup(m, v) {
    const gpu = gpuStruct.create("gpu") as Gpu;
    m.spawn("runJob", runJob, [gpu, v.bwLock, v.devfreq]);
    m.spawn("probe", probe, [gpu, v.bwLock, v.scope]);
    if (v.devfreq) m.spawn("devfreq", gmuResume, [gpu, v.bwLock]);
  },
});
