/**
 * The contract between the memory management and whoever keeps a second copy of a page table, or a reference to somebody
 * else's page: rules with numbers. Report cards have a line for each; docs/contract has a page for each, whose head is made
 * from this table.
 */

export interface ContractRule {
  readonly id: string;
  /** Name of its page: docs/contract/ID-NAME.md, in lower case. */
  readonly name: string;
  /** One sentence: what a driver must do. */
  readonly rule: string;
  /** Cases of the atlas that break it. */
  readonly cases: readonly string[];
}

export const CONTRACT = [
  {
    id: "C01",
    name: "no-reclaim-under-callback-lock",
    rule: "Nothing is allocated with direct reclaim while a lock is held that the callback takes.",
    cases: ["gup-reclaim-recursive-wait", "alloc-under-notifier-lock", "gfp-noio-still-notifies"],
  },
  {
    id: "C02",
    name: "callback-waits-for-nobody-who-needs-memory",
    rule: "The callback waits for nothing that may need memory, or the caller, to come about.",
    cases: ["gup-reclaim-recursive-wait", "fence-path-allocates", "gntdev-waits-for-next-callback"],
  },
  {
    id: "C03",
    name: "gone-when-the-callback-returns",
    rule: "When the callback has returned, the device uses none of the pages of the range.",
    cases: ["numa-thp-late-invalidate", "rmap-wrong-range", "khugepaged-file-no-notifier"],
  },
  {
    id: "C04",
    name: "look-again-under-the-lock",
    rule: "Before pages are mapped, the sequence read before they were collected is compared, under the callback's lock.",
    cases: ["seq-read-twice"],
  },
  {
    id: "C05",
    name: "starts-and-ends-pair",
    rule: "What a start has counted its end takes back, once, whatever happened in between.",
    cases: ["unpaired-start-on-eagain", "memslot-changes-between-start-and-end"],
  },
  {
    id: "C06",
    name: "no-sleep-where-none-is-allowed",
    rule: "The callback sleeps neither in a non-blockable range nor with a spinlock held.",
    cases: ["resched-in-nonblockable", "invalidate-page-under-ptl"],
  },
  {
    id: "C07",
    name: "a-blockable-callback-does-not-fail",
    rule: "Only a non-blockable range may be refused; the caller of any other goes on as if the device had let go.",
    cases: ["struct-mutex-aliased-gtt"],
  },
  {
    id: "C08",
    name: "progress",
    rule: "What the driver does ends: a callback does not for ever undo the work that it interrupted.",
    cases: ["gup-reclaim-recursive-wait", "secondary-tlb-permission-upgrade", "device-private-ref-livelock"],
  },
  {
    id: "C09",
    name: "alive-while-it-can-be-called",
    rule: "What a callback uses lives until no callback can be under way any more.",
    cases: ["interval-remove-early-return", "hmm-mirror-freed-in-srcu", "odp-revoke-vs-invalidate"],
  },
  {
    id: "C10",
    name: "the-last-reference",
    rule: "No reference to the mm is dropped under a lock that release or the callbacks take, or flushed for there.",
    cases: ["mmput-under-notifier-lock", "kfd-flush-work-from-release"],
  },
  {
    id: "C11",
    name: "no-folio-lock-in-the-callback",
    rule: "No folio is locked in the callback, or under a lock that it takes: its caller may hold the folio's lock.",
    cases: ["page-lock-in-notifier", "xe-notifier-vs-folio-lock"],
  },
  {
    id: "C12",
    name: "what-the-device-wrote-is-kept",
    rule: "A page that the device may have written is marked dirty before it is given back.",
    cases: ["page-lock-in-notifier", "pinned-page-swapcache"],
  },
  {
    id: "C13",
    name: "what-was-taken-is-given-back",
    rule: "Each pin, reference and allocation is given back once, on every way out.",
    cases: [],
  },
  {
    id: "C14",
    name: "any-order-of-subscribers",
    rule: "Nothing depends on the order in which subscribers are called.",
    cases: ["gntdev-waits-for-next-callback"],
  },
  {
    id: "C15",
    name: "the-whole-range-and-only-it",
    rule: "The callback lets go of every page of the range, wherever the range begins and ends.",
    cases: ["rmap-wrong-range", "hugetlb-shared-pmd-migrate"],
  },
  {
    id: "C16",
    name: "every-allocation-may-fail",
    rule: "An allocation that fails ends in an error for userspace, and in nothing else.",
    cases: [],
  },
  {
    id: "C17",
    name: "one-process-is-not-another",
    rule: "What happens to one process changes nothing for a device's other processes.",
    cases: [],
  },
  {
    id: "C18",
    name: "rights-are-taken-away-too",
    rule: "A device does not write to a page that its process may only read.",
    cases: ["fork-cow-steals-pin", "clear-refs-breaks-pin"],
  },
  {
    id: "C19",
    name: "data-has-its-lock",
    rule: "What several tasks use is touched only with its lock held.",
    cases: [],
  },
] as const satisfies readonly ContractRule[];

export type RuleId = (typeof CONTRACT)[number]["id"];

/** Path of the rule's page, from the root of the package. */
export function rulePage(id: RuleId): string {
  const rule = CONTRACT.find((r) => r.id === id) as ContractRule;
  return `docs/contract/${rule.id}-${rule.name}.md`;
}
