/**
 * A driver that mirrors a page of a process: one mutex, and the callback by which the memory management asks for the page
 * back. Copy this file anywhere, and:  npx mayfail check mirror.ts
 */
import { bool, defineCase, lock, mutexField, struct, type Task, unlock } from "mayfail";

/** A page as the memory management sees it. Whoever unmaps it holds its lock. */
const Page = struct("Page", {
  lock: mutexField(),
  mapped: bool({ guardedBy: "lock", initial: true }),
});
type Page = ReturnType<typeof Page.create>;

/** What the device knows about the page. */
const Mirror = struct("Mirror", {
  lock: mutexField(),
  valid: bool({ guardedBy: "lock" }),
});
type Mirror = ReturnType<typeof Mirror.create>;

/** The callback: the page is about to go, so the device must let go of it first. */
function* invalidate(mirror: Mirror): Task {
  yield* lock(mirror.lock);
  mirror.valid = false;
  yield* unlock(mirror.lock);
}

/** Reclaim: locks the page, asks the driver, unmaps. */
function* reclaim(page: Page, mirror: Mirror): Task {
  yield* lock(page.lock);
  yield* invalidate(mirror);
  page.mapped = false;
  yield* unlock(page.lock);
}

/** The device wants the page. Wrong: the driver waits for the page while it holds what its own callback takes. */
function* faultUnderMutex(page: Page, mirror: Mirror): Task {
  yield* lock(mirror.lock);
  yield* lock(page.lock);
  mirror.valid = page.mapped;
  yield* unlock(page.lock);
  yield* unlock(mirror.lock);
}

/** Right: the page first, in the order in which reclaim takes them. */
function* faultPageFirst(page: Page, mirror: Mirror): Task {
  yield* lock(page.lock);
  yield* lock(mirror.lock);
  mirror.valid = page.mapped;
  yield* unlock(mirror.lock);
  yield* unlock(page.lock);
}

export default defineCase({
  id: "mirror",
  title: "a driver with one mutex and one callback",
  variants: {
    buggy: { fault: faultUnderMutex, about: "the mutex is held while the page is locked" },
    fixed: { fault: faultPageFirst, about: "the page is locked first" },
  },
  setup(m, { fault }) {
    const page = Page.create("page0");
    const mirror = Mirror.create("mirror0");
    m.spawn("device", fault, [page, mirror]);
    m.spawn("kswapd", reclaim, [page, mirror]);
    m.invariant("the device lets go before the page does", () => page.mapped || !mirror.valid, "stale-mapping");
  },
});
