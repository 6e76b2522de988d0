/**
 * i915 userptr of mid-2020 under the contract. Its pages are pinned, so it claims no coherence: a job may run on pages that
 * the process has given away meanwhile, but not on free ones.
 *
 *   map      get_pages ─▶ -EAGAIN: flush the worker, userspace asks again     error: userspace takes another object
 *   access   execbuf: no pages? -EAGAIN : the job's fence is on the object, it is bound ─▶ the job's memory ─▶ the GPU stores
 *
 * C08: its callback begins from the front of the tree after each object, and userspace puts the same object there again;
 * nothing orders the two. The proposals that let a range fail (PATCH 2/2) are no variants here: they are as v5.9 where the
 * rules of the kernel, as those of 6.1, know no such range.
 */
import {
  createUserptr,
  dropUserptr,
  getPages,
  getPagesWorker,
  I915_USERPTR,
  type I915Notifier,
  type I915Options,
  i915BareNotifier,
  type UserptrObject,
} from "../../drivers/i915Userptr.ts";
import { type DeviceUnderTest, defineDriver, hardwareStore } from "../../drivers/underTest.ts";
import { fetchAdd } from "../../machine/cell.ts";
import { column, columns } from "../../machine/columns.ts";
import type { Task } from "../../machine/core.ts";
import { EAGAIN, ENOMEM } from "../../machine/errno.ts";
import { fenceInit, fenceSignal, signaledBy } from "../../machine/fence.ts";
import { GFP_KERNEL } from "../../machine/gfp.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { flushWork, type Work, work, workqueue } from "../../machine/workqueue.ts";
import type { Kernel } from "../../mm/kernel.ts";
import type { Mm } from "../../mm/mmTypes.ts";
import { type MmuNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "../../mm/mmuNotifier.ts";
import type { Vpn } from "../../mm/page.ts";
import { kfree, kmalloc } from "../../mm/slab.ts";

interface Device {
  readonly object: UserptrObject;
  readonly sub: MmuNotifier<I915Notifier>;
  readonly worker: Work;
  /** The GPU's page table, written when the object is bound: frame, and how often it had been freed then. */
  readonly gtt: ReturnType<typeof createGtt>;
}

const jobs = { ordered: "the fence of the jobs that use it" };
const createGtt = (name: string, count: number) =>
  columns(name, count, { frame: column(jobs), generation: column(jobs) });

function* map(k: Kernel, { object, worker }: Device): Task<number> {
  const error = yield* getPages(k, object, worker);
  if (error === -EAGAIN) yield* flushWork(worker);
  else if (error !== 0) yield* dropUserptr(k, object); // it keeps the worker's error for ever
  return error;
}

function* job(k: Kernel, device: Device, at: number, content: number): Task<number> {
  const { object } = device;
  yield* lock(object.mmLock);
  const { hasPages } = object;
  if (hasPages) yield* bindForJob(k, device);
  yield* unlock(object.mmLock);
  if (!hasPages) return -EAGAIN;
  const memory = yield* kmalloc(k, GFP_KERNEL);
  if (memory !== 0) hardwareStore(k, device.gtt.frame[at], device.gtt.generation[at], content);
  yield* fenceSignal(object.requests);
  yield* kfree(k, memory);
  return memory === 0 ? -ENOMEM : 0;
}

/** i915_vma_pin and move_to_active. mm.lock held, so the pages stay; unbinding waits for the job from here on. */
function* bindForJob(k: Kernel, { object, gtt }: Device): Task {
  yield* lock(object.vmMutex);
  const first = !object.bound;
  object.bound = true;
  for (let i = 0; i < object.pageCount; i++) {
    gtt.frame[i] = object.pages.pfn[i];
    gtt.generation[i] = k.frames.generation[object.pages.pfn[i]];
  }
  if (first) yield* fetchAdd(object.pagesPinCount, 1);
  yield* fenceInit(object.requests);
  signaledBy(object.requests);
  yield* unlock(object.vmMutex);
}

function* close(k: Kernel, { object, worker, sub }: Device): Task {
  yield* dropUserptr(k, object);
  yield* flushWork(worker);
  yield* mmuNotifierUnregister(k, sub);
}

const { versions } = I915_USERPTR;

export default defineDriver<Omit<I915Options, "largeArrays">>({
  id: "i915-userptr",
  title:
    "user memory of i915 in mid-2020: a worker pins the pages, the callback takes the object's lock and waits for the GPU",
  variants: {
    "v5.9": {
      ...versions["v5.9"],
      about: "the sg table is allocated under mm.lock; a job's memory, with its fence on the object",
      breaks: ["C01", "C02", "C08"],
    },
    "no-alloc-under-lock": {
      ...versions["no-alloc-under-lock"],
      about: "the sg table is allocated before mm.lock is taken",
      breaks: ["C02", "C08"],
    },
  },
  create(m, k, { process, start, count, name }, options): DeviceUnderTest {
    const sub = i915BareNotifier(m, process.mm as Mm, { ...options, largeArrays: false }, `${name}.notifier`);
    const object = createUserptr(m, k, sub.driver, start, count, name);
    const worker = work(`${name}.getPages`, workqueue(`${name}.userptr`), getPagesWorker, k, object);
    const gtt = createGtt(`${name}.gtt`, count);
    const device: Device = m.keep({ object, sub, worker, gtt });
    return {
      open: (kernel) => mmuNotifierRegister(kernel, sub, sub.driver.mm),
      map: (kernel) => map(kernel, device),
      access: (kernel, at: Vpn, content) => job(kernel, device, at - start, content),
      close: (kernel) => close(kernel, device),
    };
  },
});
