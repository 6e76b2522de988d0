/** The answers that were given to the thread of June 2020: rules of the mm, protocol of the driver, kind of memory. */
import { rules } from "../mm/rules.ts";
import { ANON, SHMEM, SWAP_CACHE } from "../mm/world/pages.ts";
import type { Answer } from "./gupReclaimHazards.ts";

const linux5_7 = rules("linux-5.7");
const linux5_11 = rules("linux-5.11");
const pinCheckAll = rules("linux-5.7", { reclaimPinCheck: "all" });
const classic = {};

function answer(about: string, mm: Answer["mm"], driver: Answer["driver"], pages: Answer["pages"] = ANON) {
  return { about, mm, driver, pages };
}

/** By the name that the variants carry after the letter of the hazard. */
export const ANSWERS = {
  "as-in-2020": answer("i915 of v5.7 … v5.10 as it was", linux5_7, classic),
  "patch-2-2": answer("MAYFAIL as posted: unbind does not wait", rules("mayfail-as-posted"), { mayFail: "patch2" }),
  "mayfail-full": answer("MAYFAIL in full: refuse while acquiring", rules("mayfail-full"), { mayFail: "full" }),
  "skip-pinned-unmap": answer("series 2 as posted: pin check in rmap", rules("skip-pinned-unmap"), classic),
  "pin-check-all": answer("pin check before the unmap, all pages", pinCheckAll, classic),
  "pin-check-fresh": answer("pin check as merged, fresh anonymous", linux5_11, classic),
  "pin-check-fresh-shmem": answer("the same, shared memory", linux5_11, classic, SHMEM),
  "pin-check-fresh-swapcache": answer("the same, pages in the swap cache", linux5_11, classic, SWAP_CACHE),
  "no-alloc-under-lock": answer("sg table allocated before mm.lock", linux5_7, { sgTableBeforeLock: true }),
  "seq-and-wait": answer("i915 v5.13 … v6.8: sequence, wait", linux5_7, { interval: true, waitInCallback: true }),
  "seq-only": answer("i915 since v6.9: sequence only", linux5_7, { interval: true, waitInCallback: false }),
} as const satisfies Readonly<Record<string, Answer & { about: string }>>;

export type AnswerName = keyof typeof ANSWERS;
export const ANSWER_NAMES = Object.keys(ANSWERS) as AnswerName[];
