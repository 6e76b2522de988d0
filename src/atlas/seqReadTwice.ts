import type { Task } from "../machine/core.ts";
import { EAGAIN, EBUSY } from "../machine/errno.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { defineCase } from "../machine/scenario.ts";
import type { Kernel } from "../mm/kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../mm/madvise.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { mmuIntervalReadBegin, mmuIntervalReadRetry } from "../mm/mmuIntervalNotifier.ts";
import type { IntervalNotifier } from "../mm/mmuNotifierTypes.ts";
import { createMirror, type Device, deviceAccess, mirrorCollect, programDevice } from "../mm/world/devices.ts";
import { anonPages } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";

const PAGES = 2;

/** amdgpu_hmm_range_get_pages, then the submission that maps the range; userspace repeats it on -EAGAIN. */
function* validate(k: Kernel, notifier: IntervalNotifier, seqForEachChunk: boolean): Task {
  while ((yield* validateOnce(k, notifier, seqForEachChunk)) === -EAGAIN);
  yield* deviceAccess(k, notifier.driver as Device, A);
}

function* validateOnce(k: Kernel, notifier: IntervalNotifier, seqForEachChunk: boolean): Task<number> {
  const mirror = notifier.driver as Device;
  let seq = 0;
  for (let chunk = 0; chunk < PAGES; chunk++) {
    if (chunk === 0 || seqForEachChunk) seq = yield* mmuIntervalReadBegin(notifier);
    const error = yield* mirrorCollect(k, notifier, seq, A + chunk, 1);
    if (error !== 0) return error === -EBUSY ? -EAGAIN : error;
  }
  yield* lock(mirror.lock);
  const retry = yield* mmuIntervalReadRetry(notifier, seq);
  if (!retry) programDevice(k, mirror, A, PAGES);
  yield* unlock(mirror.lock);
  return retry ? -EAGAIN : 0;
}

function* drops(k: Kernel, p: Process): Task {
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
}

const base = { rules: "linux-6.1", watched: true };
export default defineCase({
  id: "seq-read-twice",
  title: "the sequence is read again for each chunk of a range",
  class: "stale-mapping",
  text: `A large range is faulted in chunks, and the sequence was read anew for each, into the same variable. What comes
out is the sequence of the last chunk: an invalidation that hit an earlier chunk before that is forgotten, and the device
is given pages that are not there any more; no reference keeps them.

*Buggy run:* the validator snapshots and collects chunk 0; madvise drops it, completely; the validator snapshots again,
collects chunk 1, finds its snapshot unchanged and maps both. *Fix:* one snapshot, before the first chunk.
The variant *buggy-unwatched* does not compare the two page tables, so what shows is the use of the freed page.`,
  sources: [
    { ref: "962d684b5dc0", what: "the fix, v7.1; CVE-2026-63879" },
    { ref: "c1420a5dd4dd", what: "where it came in, v6.2" },
  ],
  variants: {
    buggy: { ...base, about: "one snapshot for each chunk", seqForEachChunk: true, expect: "stale-mapping" },
    "buggy-unwatched": {
      ...base,
      about: "the same, judged by what the device does",
      seqForEachChunk: true,
      watched: false,
      expect: "use-after-free",
    },
    fixed: { ...base, about: "one snapshot for the whole range", seqForEachChunk: false, expect: "ok" },
  },
  setup(m, { seqForEachChunk, watched }) {
    const k = smallKernel(m);
    const p = createProcess(k);
    m.boot(anonPages, [k, p, A, PAGES]);
    const { notifier } = createMirror(m, k, p.mm as Mm, A, PAGES, { watched });
    m.spawn("validator", validate, [k, notifier, seqForEachChunk]);
    m.spawn("dropper", drops, [k, p]);
  },
});
