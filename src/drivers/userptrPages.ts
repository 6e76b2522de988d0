/**
 * What i915 userptr of 2019 does with the pages of an object when they go (i915_gem_userptr_put_pages): they may have been
 * written by the GPU, so they are marked dirty before they are unpinned. The question is with which lock.
 *
 *   nolock      set_page_dirty: the file may go while it is looked at             (until v5.3)
 *   lock        set_page_dirty_lock: the caller of the callback may have the lock (cb6d7c7dc7ff)
 *   trylock     not marked if somebody has the lock                               (0d4bbe3d407f)
 *   dirtyAtMap  marked when the pages come, not when they go                      (what HMM does)
 */
import type { Handle, Task } from "../machine/core.ts";
import { handleOf } from "../machine/core.ts";
import { lockFolio, trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { lock, type Mutex, mutexField, unlock } from "../machine/mutex.ts";
import { bool, int, struct } from "../machine/struct.ts";
import { choose } from "../machine/wait.ts";
import { EXT4, type Inode } from "../mm/fs.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm } from "../mm/mmTypes.ts";
import type { MmuNotifierOps } from "../mm/mmuNotifierTypes.ts";
import { folioLockWord, type Pfn, PG_dirty, setFlag, type Vpn } from "../mm/page.ts";
import { setPageDirty } from "../mm/pageWriteback.ts";
import { driverHistory } from "./history.ts";

export type DirtyPolicy = "nolock" | "lock" | "trylock" | "dirtyAtMap";

const history = driverHistory<{ readonly policy: DirtyPolicy }, DirtyPolicy>("i915-pages", {
  nolock: { policy: "nolock" },
  lock: { policy: "lock" },
  trylock: { policy: "trylock" },
  dirtyAtMap: { policy: "dirtyAtMap" },
});

/** drm_i915_gem_object of one page. */
export interface PagesObject extends Handle {
  /** obj->mm.lock. */
  readonly mmLock: Mutex;
  hasPages: boolean;
  /** mm.pages_pin_count: somebody besides the GPU uses the pages, such as a device to which they were exported. */
  pagesPinCount: number;
  readonly pages: Pages;
  readonly policy: DirtyPolicy;
}
const objectStruct = struct("object", {
  mmLock: mutexField(),
  hasPages: bool({ guardedBy: "mmLock" }),
  pagesPinCount: int({ ordered: "atomic" }),
});

const PIN = FOLL_PIN | FOLL_WRITE;

export function createPagesObject(policy: DirtyPolicy): PagesObject {
  const inForce = history.inForce({ policy });
  return Object.assign(objectStruct.create("object"), { pages: createPages("object.pages", 1), ...inForce });
}

/** The GPU has nothing to do: only the pages have to go. That they are pinned is said by -EBUSY, which nobody listens to. */
export const pagesOps: MmuNotifierOps = {
  *invalidateRangeStart(k, sub): Task<number> {
    yield* putPages(k, sub.driver as PagesObject);
    return 0;
  },
};

/** i915_gem_userptr_get_pages, as if they were there already. */
export function* getPages(k: Kernel, object: PagesObject, mm: Mm, vpn: Vpn): Task<number> {
  const got = yield* getUserPagesFast(k, mm, vpn, 1, PIN, object.pages);
  if (got < 0) return got;
  if (object.policy === "dirtyAtMap") yield* setPageDirtyLocked(k, object.pages.pfn[0]);
  yield* lock(object.mmLock);
  object.hasPages = true;
  yield* unlock(object.mmLock);
  return 0;
}

/** __i915_gem_object_put_pages: nothing while the pages are pinned. */
export function* putPages(k: Kernel, object: PagesObject): Task {
  yield* lock(object.mmLock);
  if (object.hasPages && object.pagesPinCount === 0) {
    object.hasPages = false;
    yield* markDirty(k, object);
    yield* unpinUserPages(k, object.pages, 1, PIN, false);
  }
  yield* unlock(object.mmLock);
}

function* markDirty(k: Kernel, object: PagesObject): Task {
  const pfn = object.pages.pfn[0];
  switch (object.policy) {
    case "lock":
      yield* setPageDirtyLocked(k, pfn);
      break;
    case "trylock":
      if (!(yield* trylockFolio(folioLockWord(k, pfn)))) break;
      yield* setPageDirty(k, pfn);
      yield* unlockFolio(folioLockWord(k, pfn));
      break;
    case "nolock":
      yield* setPageDirtyUnlocked(k, pfn);
      break;
    default:
  }
}

function* setPageDirtyLocked(k: Kernel, pfn: Pfn): Task {
  yield* lockFolio(folioLockWord(k, pfn));
  yield* setPageDirty(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
}

/** set_page_dirty asks the file of the page, which only the folio lock keeps from leaving it. */
function* setPageDirtyUnlocked(k: Kernel, pfn: Pfn): Task {
  const mapping = k.frames.mapping[pfn];
  yield* choose(1); // others may run
  if (mapping !== 0 && (handleOf(mapping - 1) as Inode).kind === EXT4) setFlag(k, pfn, PG_dirty);
}
