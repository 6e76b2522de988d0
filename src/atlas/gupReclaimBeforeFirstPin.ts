import type { Verdict } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { ANSWER_NAMES, ANSWERS, type AnswerName } from "./gupReclaimAnswers.ts";
import { hazardD } from "./gupReclaimHazards.ts";

const L = "livelock";
const ok = "ok";
const EXPECTED: Readonly<Record<AnswerName, Verdict>> = {
  "as-in-2020": L,
  "patch-2-2": L,
  "mayfail-full": ok,
  "skip-pinned-unmap": L,
  "pin-check-all": L,
  "pin-check-fresh": L,
  "pin-check-fresh-shmem": L,
  "pin-check-fresh-swapcache": L,
  "no-alloc-under-lock": L,
  "seq-and-wait": ok,
  "seq-only": ok,
};

const variants = Object.fromEntries(
  ANSWER_NAMES.map((name) => {
    const answer = ANSWERS[name];
    return [name, { answer, about: answer.about, rules: answer.mm.name, expect: EXPECTED[name] }];
  }),
);

export default defineCase({
  id: "gup-reclaim-before-first-pin",
  title: "reclaim meets a userptr object before its first page is pinned",
  class: "livelock",
  text: `Hazard b of gup-reclaim-recursive-wait with a larger object: 64 MiB need 128 KiB for the array of pages alone, so the
worker's kvmalloc goes to the page allocator. It comes before the first pin, with the object in the tree already. And the
object reaches beyond what is mapped, so the honest answer to userspace is an error.

*Run:* the ioctl has queued the worker and still has its own array when the worker allocates one; no page is free; reclaim
unmaps page 0, which nobody has pinned, and a page of another process; the callback cancels the worker. Page 0 is faulted in
again, page 1 cannot be had, and userspace hears -EAGAIN of a superseded worker instead of the error. The other process
takes its page back, and so on, for ever, if the ioctl is as slow every time: weak fairness allows that, an unlucky
machine does.

A pin check cannot help where nothing is pinned yet. Of the answers for the classic protocol only MAYFAIL in full does,
since it protects the object while it is being acquired, and not the page because it is pinned. In the interval protocol
the submitting task pins for itself and hears of the failure; there is no worker to be superseded.`,
  sources: [
    { ref: "v5.9 i915_gem_userptr.c", what: "__i915_gem_userptr_get_pages_worker: kvmalloc_array before the pin loop" },
    { ref: "linux-mm, 25 June 2020", what: "Wilson's figures are for objects of 64 MiB" },
  ],
  variants,
  setup: (m, { answer }) => hazardD(m, answer),
});
