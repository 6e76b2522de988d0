/**
 * The rules of the memory management that changed over time, or were only proposed: switches. A preset is named after
 * the kernel or the patch series that it reproduces, as far as the switches here can tell them apart.
 */
import { mayfailError } from "../errors.ts";

/**
 * Guards that every kernel here has. A scenario takes one away to show what it is for.
 *
 *  - `gupFastRecheck`: GUP-fast looks at the entry again after it has grabbed the page.
 *  - `gupFastBlocksTables`: GUP-fast runs with interrupts off, and page tables are freed only when no such walk is under way.
 *  - `migrateRefFreeze`: a page with unexpected references is not migrated.
 *  - `mkclean`: writeback write-protects all mappings of a page before it takes the page's content.
 *  - `mkwriteRecheck`: page_mkwrite looks, under the folio lock, whether the page was truncated.
 *  - `takeAllLocks`: a registration excludes all open sections.
 *  - `allLocksMutex`: only one registration at a time takes all locks of its mm.
 *  - `mlockVmIo`: while mlock counts the pages of a VMA, others who map one there do not.
 *  - `anonVmaRef`: migration keeps the anon_vma of a page whose last mapping may vanish meanwhile.
 *  - `mreleaseRef`: process_mrelease has a reference to the mm that it reaps.
 *  - `oomReaperRef`: so does the OOM reaper.
 *  - `compactionSkipsPinned`: compaction leaves anonymous pages alone that have more references than mappings (v3.15).
 *  - `oomUnstable`: faults bring no page back where the OOM reaper was.
 *  - `swapinPrepare`: who reads a swap slot past the swap cache keeps others from it until the page is mapped (13ddaf26be32, v6.8 and
 *    back-ported). Without it a fault that took long maps what was in the slot before it was used again.
 *  - `removeRefCheck`: __remove_mapping takes no page away to which somebody else has a reference.
 *  - `removeFreeze`: and it sees to it that nobody gets one meanwhile.
 *  - `removeDirtyCheck`: nor a page that has become dirty.
 *  - `isolateLruTest`: of two who isolate a page, the one who clears PG_lru gets it.
 *  - `rmapLock`: try_to_unmap walks the VMAs of a page under their rmap lock.
 *  - `swapCacheLock`: a lookup in the swap cache takes its reference before the page can leave the cache.
 *  - `swapinFolioLock`: do_swap_page waits until the page is read.
 *  - `swapinFolioRecheck`: it looks, under the folio lock, whether the page still is the one of the slot.
 *  - `swapinPteRecheck`: and under the page-table lock, whether the entry still is the one that it came for.
 *  - `swapForkShares`: fork takes the exclusive mark off swap entries.
 *  - `migrateKeepsDirty`: the dirty bit of an entry outlives migration, also one that fails (fd35ca3d12cc, v6.1).
 *  - `migrateNotifies`: migration announces what it unmaps although somebody else has taken the right to write before
 *    (7066f0f933a1, v4.20, for huge pages in NUMA balancing).
 *  - `collapseNotifies`: who takes a page table of a file mapping away announces what it covers (f268f6cf875f, v6.1).
 *  - `uffdWpFlushesFirst`: where a userfaultfd write-protects, a page is copied only after flushes that are still to come (6ce64428d620).
 *  - `hugeUnshares`: migration of a huge page takes every process out of a shared page table first (017b1660df89, v4.20).
 *  - `hugeWidensRange`: and announces all that the table covers (the same).
 *  - `reaperNotifies`: the OOM reaper tells subscribers what it takes away (before v4.14 it did not).
 *  - `unmapNamesPage`: try_to_unmap announces the page, not the beginning of its VMA (v5.0-rc1 had it wrong).
 *  - `numaInvalidatesFirst`: before a page is copied in place of its entry, devices that share the page table forget it (the same).
 *  - `numaKeepsWrite`: after a NUMA fault the entry has the right to write that it had.
 *  - `chargeUndo`: a charge that fails at one level of cgroups is taken back from those below.
 *  - `stockPreemptOff`: who drains the stock of charged pages cannot be interrupted by somebody who uses it.
 *  - `kswapdQueuesFirst`: kswapd says that it sleeps before it looks whether it may.
 *  - `kswapdLooksAgain`: and after its nap it does look.
 *  - `oomReaperSkips`: when the OOM reaper is done with an address space, or has given up, others may be killed.
 *  - `oomOneVictim`: while a victim is dying nobody else is killed.
 *  - `oomReserves`: a victim may use half of the reserves.
 *  - `oomLastLook`: with oom_lock in hand an allocation looks once more whether memory has come.
 */
export const GUARDS = [
  "gupFastRecheck",
  "gupFastBlocksTables",
  "migrateRefFreeze",
  "mkclean",
  "mkwriteRecheck",
  "takeAllLocks",
  "allLocksMutex",
  "mlockVmIo",
  "anonVmaRef",
  "mreleaseRef",
  "oomReaperRef",
  "compactionSkipsPinned",
  "oomUnstable",
  "swapinPrepare",
  "removeRefCheck",
  "removeFreeze",
  "removeDirtyCheck",
  "isolateLruTest",
  "rmapLock",
  "swapCacheLock",
  "swapinFolioLock",
  "swapinFolioRecheck",
  "swapinPteRecheck",
  "swapForkShares",
  "migrateKeepsDirty",
  "migrateNotifies",
  "collapseNotifies",
  "uffdWpFlushesFirst",
  "hugeUnshares",
  "hugeWidensRange",
  "reaperNotifies",
  "unmapNamesPage",
  "numaInvalidatesFirst",
  "numaKeepsWrite",
  "chargeUndo",
  "stockPreemptOff",
  "kswapdQueuesFirst",
  "kswapdLooksAgain",
  "oomReaperSkips",
  "oomOneVictim",
  "oomReserves",
  "oomLastLook",
] as const;
export type Guard = (typeof GUARDS)[number];

export interface Rules {
  /** Name of the preset, with a note when single switches were changed. */
  readonly name: string;
  /**
   * Does shrink_folio_list leave a folio alone, before it unmaps anything, because it may be pinned?
   * `freshAnon`: only anonymous folios that are not in the swap cache (feb889fb40fa, v5.11). `all`: every folio, which
   * is what the series "Skip opportunistic reclaim for dma pinned pages" was told to do instead.
   */
  readonly reclaimPinCheck: "none" | "freshAnon" | "all";
  /** The same test at the head of try_to_unmap_one, as that series was posted (June 2020, not merged). */
  readonly unmapPinCheck: boolean;
  /** A second test in shrink_folio_list after the unmap, for every kind (d824ec2a1546, v6.4 and back-ported to 6.1.y). */
  readonly latePinCheck: boolean;
  /** try_to_unmap_one restores the PTE of a pinned exclusive anonymous page (PG_anon_exclusive, v5.19). */
  readonly shareAnonCheck: boolean;
  /**
   * MMU_NOTIFIER_RANGE_MAYFAIL (PATCH 1/2, not merged): try_to_unmap_one allows callbacks to refuse. `asPosted`: the
   * refusal is noted, the page is unmapped all the same and everybody gets his end. `full`: the page stays mapped.
   */
  readonly notifierMayFail: "none" | "asPosted" | "full";
  /** mmu_interval_notifier_remove looks at the sequence under the lock before it returns (319561669a59, v5.18). */
  readonly intervalRemoveRecheck: boolean;
  /** A refused non-blockable start delivers the end to those who have one (c2655835fd8c, v5.12). */
  readonly endAfterRefusedStart: boolean;
  /**
   * A non-blockable start that a classic subscriber refuses ends the section of the interval subscribers, who have been told
   * before. No kernel up to 6.1 does: the section stays open, and whoever waits for its end waits for ever (found with this
   * model, case interval-section-never-ends).
   */
  readonly refusalEndsIntervals: boolean;
  /** fork copies pages that may be pinned, instead of sharing them (v5.9 … v5.12 in several steps). */
  readonly forkCopiesPinned: boolean;
  /**
   * When a write fault may use the page again instead of copying it. `mapcount`: nobody else maps it (before v5.9);
   * `refcount`: nobody else has a reference (v5.9 … v5.18); `exclusive`: PG_anon_exclusive, else references (v5.19).
   */
  readonly cowReuse: "mapcount" | "refcount" | "exclusive";
  /** GUP-fast looks at mm->write_protect_seq and gives up its pins when fork ran meanwhile (v5.11). */
  readonly gupFastSeqcount: boolean;
  /** Every reference to a page of a private writable mapping breaks COW first, as if to write (17839856fd58, v5.8 only). */
  readonly gupBreaksCow: boolean;
  /** A read-only pin of a shared anonymous page makes it exclusive first (FAULT_FLAG_UNSHARE, v5.19). */
  readonly gupUnshares: boolean;
  /** /proc/PID/clear_refs leaves pages alone that may be pinned (9348b73c2e1b, v5.11). */
  readonly clearRefsSkipsPinned: boolean;
  /** /proc/PID/clear_refs takes mmap_lock for writing, so that no fault comes before its flush (912efa17e512, v5.11). */
  readonly clearRefsWriteLock: boolean;
  /**
   * When try_to_unmap_one tells subscribers. `underPtl`: one call inside of the page-table lock, as invalidate_page did
   * (c7ab0d2fdc84, v4.11); `afterUnlock`: one call after it; `around`: a section (369ea8242c0f, v4.13).
   */
  readonly unmapNotifies: "underPtl" | "afterUnlock" | "around";
  /** When NUMA balancing takes a private page for unshared: nobody else maps it, or has a reference (80d47f5de5e3, v5.17). */
  readonly numaCounts: "mappings" | "references";
  /** How a NUMA fault moves a page: through migration entries, or as huge pages up to v5.13 in place of its entry. */
  readonly numaMigration: "entries" | "inPlace";
  /**
   * A page-table entry that gets more rights is flushed from secondary TLBs as well, as architectures do whose CPUs must be flushed then
   * (arm64; 6bbd42e2df8f, v6.6). Downgrades always are.
   */
  readonly archInvalidatesSecondary: boolean;
  /** folio_referenced only tries the rmap locks, and does not know where it fails (6d4675e60135, v5.19); else it waits for them. */
  readonly referencedTriesRmap: boolean;
  /** The OOM reaper tells subscribers that they must not block (93065ac753e4, v4.19). */
  readonly reaperNonBlock: boolean;
  /**
   * Which address spaces the OOM reaper leaves alone: those with any subscriber (4d4bbd8526a8, v4.14), those with one that does not
   * declare that it never blocks (5ff7091f5a2c, v4.16), none (v4.19).
   */
  readonly reaperSkips: "nothing" | "anyNotifier" | "mayBlock";
  /**
   * What do_swap_page does with an entry of device memory before it calls the driver. `noRef`: nothing, the page may be gone
   * (before v6.1); `ref`: takes a reference, which keeps others from migrating the page (16ce101db85d, v6.1); `trylock`: locks the
   * folio first, and who cannot faults again (1afaeb8293c9, v6.15); `wait`: who cannot waits for it (b570f37a2ce4, v7.0).
   */
  readonly deviceFault: "noRef" | "ref" | "trylock" | "wait";
  /** Guards taken away. */
  readonly without: readonly Guard[];
}

/** What the switches may be set to that are not on or off. */
export const SETTINGS = {
  reclaimPinCheck: ["none", "freshAnon", "all"],
  notifierMayFail: ["none", "asPosted", "full"],
  cowReuse: ["mapcount", "refcount", "exclusive"],
  deviceFault: ["noRef", "ref", "trylock", "wait"],
  unmapNotifies: ["underPtl", "afterUnlock", "around"],
  numaCounts: ["mappings", "references"],
  numaMigration: ["entries", "inPlace"],
  reaperSkips: ["nothing", "anyNotifier", "mayBlock"],
} as const satisfies { readonly [K in Worded]: readonly Rules[K][] };
type Worded = { [K in Exclude<keyof Rules, "name">]: Rules[K] extends string ? K : never }[Exclude<
  keyof Rules,
  "name"
>];

/** Is the guard in force? */
export const guards = (rules: Rules, guard: Guard): boolean => !rules.without.includes(guard);

const linux5_7: Rules = {
  name: "linux-5.7",
  reclaimPinCheck: "none",
  unmapPinCheck: false,
  latePinCheck: false,
  shareAnonCheck: false,
  notifierMayFail: "none",
  intervalRemoveRecheck: false,
  endAfterRefusedStart: false,
  refusalEndsIntervals: false,
  forkCopiesPinned: false,
  cowReuse: "mapcount",
  gupFastSeqcount: false,
  gupBreaksCow: false,
  gupUnshares: false,
  clearRefsSkipsPinned: false,
  clearRefsWriteLock: false,
  unmapNotifies: "around",
  archInvalidatesSecondary: false,
  numaCounts: "mappings",
  numaMigration: "entries",
  referencedTriesRmap: false,
  reaperNonBlock: true,
  reaperSkips: "nothing",
  deviceFault: "noRef",
  without: [],
};

const linux5_10: Rules = { ...linux5_7, name: "linux-5.10", cowReuse: "refcount", forkCopiesPinned: true };
const linux5_11: Rules = {
  ...linux5_10,
  name: "linux-5.11",
  reclaimPinCheck: "freshAnon",
  gupFastSeqcount: true,
  clearRefsSkipsPinned: true,
  clearRefsWriteLock: true,
};
const linux6_1: Rules = {
  ...linux5_11,
  name: "linux-6.1",
  latePinCheck: true,
  shareAnonCheck: true,
  cowReuse: "exclusive",
  numaCounts: "references",
  gupUnshares: true,
  referencedTriesRmap: true,
  intervalRemoveRecheck: true,
  endAfterRefusedStart: true,
  deviceFault: "ref",
};

export const PRESETS = {
  "linux-5.7": linux5_7,
  "linux-5.10": linux5_10,
  "mayfail-as-posted": { ...linux5_7, name: "mayfail-as-posted", notifierMayFail: "asPosted" },
  "mayfail-full": { ...linux5_7, name: "mayfail-full", notifierMayFail: "full" },
  "skip-pinned-unmap": { ...linux5_7, name: "skip-pinned-unmap", unmapPinCheck: true },
  "linux-5.11": linux5_11,
  "linux-6.1": linux6_1,
  "linux-6.4": { ...linux6_1, name: "linux-6.4" },
} as const satisfies Readonly<Record<string, Rules>>;

export type PresetName = keyof typeof PRESETS;

/** A preset, with single switches changed. */
export function rules(preset: PresetName, changes: Partial<Omit<Rules, "name">> = {}): Rules {
  const changed = Object.entries(changes).map(([key, value]) => `${key}=${value}`);
  const name = changed.length === 0 ? preset : `${preset} with ${changed.join(", ")}`;
  return { ...PRESETS[preset], ...changes, name };
}

/** The preset called `name`. Raises MF0501 when there is none. */
export function presetNamed(name: string): Rules {
  if (Object.hasOwn(PRESETS, name)) return PRESETS[name as PresetName];
  throw mayfailError("MF0501", { preset: name, presets: Object.keys(PRESETS).join(", ") });
}
