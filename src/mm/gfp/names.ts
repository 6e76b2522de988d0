/** The words of the table of allocations: what can be asked, and what is answered. Constants only, so that reading them costs nothing. */

/** The masks of the table, where nobody asks for others. */
export const DEFAULT_MASKS = [
  "GFP_ATOMIC",
  "GFP_NOWAIT",
  "GFP_NOIO",
  "GFP_NOFS",
  "GFP_KERNEL",
  "GFP_USER",
  "GFP_HIGHUSER_MOVABLE",
  "GFP_TRANSHUGE_LIGHT",
  "GFP_TRANSHUGE",
  "GFP_KERNEL|__GFP_NORETRY",
  "GFP_KERNEL|__GFP_RETRY_MAYFAIL",
  "GFP_KERNEL|__GFP_NOFAIL",
  "GFP_NOFS|__GFP_NOFAIL",
  "GFP_KERNEL|__GFP_MEMALLOC",
  "GFP_KERNEL|__GFP_NOMEMALLOC",
  "GFP_ATOMIC|__GFP_MEMALLOC",
  "GFP_ATOMIC|__GFP_NOMEMALLOC",
] as const;

/** What kswapd's own reclaim is called among masks. */
export const KSWAPD_ITSELF = "kswapd";

export const SCOPES = ["none", "nofs", "noio", "noreclaim", "pin"] as const;
export type Scope = (typeof SCOPES)[number];

export const ABOUT_SCOPES: Readonly<Record<Scope, string>> = {
  none: "no scope",
  nofs: "memalloc_nofs_save",
  noio: "memalloc_noio_save",
  noreclaim: "memalloc_noreclaim_save (PF_MEMALLOC)",
  pin: "memalloc_pin_save",
};

export const CALLERS = ["process", "worker", "kswapd"] as const;
export type Caller = (typeof CALLERS)[number];

export const LOCKS = ["none", "spinlock", "driver", "mmap_lock", "gem-trylock", "gem", "fs", "folio", "rmap"] as const;
export type Held = (typeof LOCKS)[number];

export const ABOUT_LOCKS: Readonly<Record<Held, string>> = {
  none: "nothing",
  spinlock: "any spinlock",
  driver: "a driver's lock that its notifier callback takes",
  mmap_lock: "mmap_lock of the process whose pages are reclaimed, for writing",
  "gem-trylock": "a dma_resv that a shrinker tries to lock",
  gem: "a dma_resv that a shrinker locks",
  fs: "a lock of a file system that its shrinker takes when the mask has __GFP_FS",
  folio: "the lock of one of the pages",
  rmap: "anon_vma or i_mmap_rwsem of the pages, for writing (since v5.19 folio_referenced only tries it)",
};

/** Pages of each kind that reclaim tells apart. */
export const PAGE_KINDS = [
  "anon",
  "swapcache",
  "shmem",
  "clean",
  "dirty",
  "private",
  "anon-pinned",
  "shmem-pinned",
] as const;
export type PageKind = (typeof PAGE_KINDS)[number];

/** In words, and the letter in tables. */
export const ABOUT_PAGES: Readonly<Record<PageKind, { readonly letter: string; readonly about: string }>> = {
  anon: { letter: "a", about: "anonymous, not in the swap cache" },
  swapcache: { letter: "c", about: "anonymous, in the swap cache" },
  shmem: { letter: "s", about: "shared memory" },
  clean: { letter: "f", about: "of a file, clean" },
  dirty: { letter: "d", about: "of a file, dirty" },
  private: { letter: "p", about: "of a file, clean, with private data (buffers)" },
  "anon-pinned": { letter: "A", about: "anonymous, not in the swap cache, and somebody has a FOLL_PIN" },
  "shmem-pinned": { letter: "S", about: "shared memory, and somebody has a FOLL_PIN" },
};

/** What was entered, in the order of columns. */
export const PLACES = [
  "kswapd",
  "reclaim",
  "young",
  "notifier",
  "shrinker",
  "inodes",
  "release",
  "writepage",
  "swap",
  "oom",
] as const;
export type Place = (typeof PLACES)[number];

/**
 * How it ends when nothing is left to be had: the call fails; it goes round for ever; somebody else is killed, and what comes
 * next depends on his death; it has done its work (kswapd); or it breaks a rule.
 */
export type Ending = "fails" | "loops" | "kills" | "done" | "broken";

/** The reference that somebody has while a page is reclaimed: FOLL_GET, FOLL_PIN. */
export const PINS = ["none", "get", "pin"] as const;
export type Pin = (typeof PINS)[number];
