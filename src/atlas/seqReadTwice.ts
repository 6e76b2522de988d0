import { claimCoherence, createMirror, deviceAccess, type Mirror, programDevice } from "../drivers/mirror.ts";
import type { Task } from "../machine/core.ts";
import { EAGAIN, EBUSY } from "../machine/errno.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { defineCase } from "../machine/scenario.ts";
import { rules } from "../mm/rules.ts";
import { hmmRangeFault } from "../mm/slice/hmm.ts";
import { createKernel, type Kernel } from "../mm/slice/kernel.ts";
import { claimReferences } from "../mm/slice/leak.ts";
import { ANON, createMapping } from "../mm/slice/mapping.ts";
import { madviseDontneed, populate } from "../mm/slice/memory.ts";
import { createMm } from "../mm/slice/mm.ts";
import { type IntervalNotifier, mmuIntervalReadBegin, mmuIntervalReadRetry } from "../mm/slice/mmuIntervalNotifier.ts";

const PAGES = 2;

/** amdgpu_hmm_range_get_pages, then the submission that maps the range; userspace repeats it on -EAGAIN. */
function* validate(k: Kernel, mirror: Mirror, notifier: IntervalNotifier, seqForEachChunk: boolean): Task {
  while ((yield* validateOnce(k, mirror, notifier, seqForEachChunk)) === -EAGAIN);
  yield* deviceAccess(mirror, 0);
}

function* validateOnce(k: Kernel, mirror: Mirror, notifier: IntervalNotifier, seqForEachChunk: boolean): Task<number> {
  let seq = 0;
  for (let chunk = 0; chunk < PAGES; chunk++) {
    if (chunk === 0 || seqForEachChunk) seq = yield* mmuIntervalReadBegin(notifier);
    yield* downRead(mirror.mm.mmapLock);
    const error = yield* hmmRangeFault(k, mirror.mm, notifier, seq, chunk, chunk + 1, mirror.pfns);
    yield* upRead(mirror.mm.mmapLock);
    if (error !== 0) return error === -EBUSY ? -EAGAIN : error;
  }
  yield* lock(mirror.lock);
  const retry = yield* mmuIntervalReadRetry(notifier, seq);
  if (!retry) programDevice(mirror, 0, PAGES);
  yield* unlock(mirror.lock);
  return retry ? -EAGAIN : 0;
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
    const k = createKernel(m, rules("linux-6.1"), 3);
    const mm = createMm(m, k, "mm", [{ mapping: createMapping(m, "anon", ANON, PAGES), pages: PAGES }]);
    for (let vpn = 0; vpn < PAGES; vpn++) populate(k, mm, vpn);
    const { mirror, notifier } = createMirror(m, mm);
    if (watched) claimCoherence(m, mirror);
    claimReferences(m, k, () => ({ pinned: [], memory: [] }));
    m.spawn("validator", validate, [k, mirror, notifier, seqForEachChunk]);
    m.spawn("dropper", madviseDontneed, [k, mm, 0, 1]);
  },
});
