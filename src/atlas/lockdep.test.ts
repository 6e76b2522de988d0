/** What lockdep would have said: it sees locks and their order, on whatever paths ran. */
import { expect, test } from "vitest";
import { lockdepReports, observeLockdep, resetLockdep } from "../machine/lockdep.ts";
import { explore } from "../mm/explore.testkit.ts";
import { ATLAS } from "./index.ts";

function reports(setup: Parameters<typeof explore>[0]): string[] {
  resetLockdep();
  observeLockdep(true);
  try {
    explore(setup);
    return lockdepReports().map((r) => r.text);
  } finally {
    observeLockdep(false);
  }
}

/** What it says of those rows of which it says something. */
const SEEN: Readonly<Record<string, RegExp>> = {
  "alloc-under-notifier-lock:buggy": /^2 lock classes .*mr\.umemMutex.*mkeyCache\.rbLock/,
  "alloc-under-notifier-lock:buggy-one-thread": /^mr\.umemMutex is taken while/,
  "gfp-noio-still-notifies:kernel": /^kfd\.lockHidden is taken while/,
  "gfp-noio-still-notifies:buggy-nofs": /^kfd\.lockHidden is taken while/,
  "gfp-noio-still-notifies:noio": /^kfd\.lockHidden is taken while/,
  "gfp-noio-still-notifies:nofs-anon": /^kfd\.lockHidden is taken while/,
  "mmput-under-notifier-lock:buggy": /^umemOdp\.umemMutex is taken while/,
  "struct-mutex-aliased-gtt:buggy": /i915\.structMutex/,
  "struct-mutex-aliased-gtt:flushed-aliased": /i915\.structMutex.*work|work.*i915\.structMutex/,
  "shrinker-takes-ww-acquire:buggy": /^2 lock classes .*gemObject\.lock is taken under fs_reclaim/,
  "shrinker-takes-ww-acquire:buggy-two-threads": /^2 lock classes .*gemObject\.lock is taken under fs_reclaim/,
  "shrinker-takes-ww-acquire:plain-lock": /^gemObject\.lock is taken while/,
  "kfd-flush-work-from-release:buggy": /^2 lock classes .*work kfdProcess\.restoreWork/,
  "kfd-flush-work-from-release:buggy-with-user": /^work kfdProcess\.restoreWork is taken while/,
};

test("it says nothing of the founding case, as a subclass tells it that all is well", () => {
  expect(Object.keys(SEEN).filter((row) => row.startsWith("gup-reclaim"))).toEqual([]);
});

for (const c of ATLAS) {
  test(`what lockdep sees of ${c.id}`, () => {
    const seen = Object.keys(c.variants).flatMap((name) => {
      const found = reports((m) => c.setup(m, name));
      return found.length > 0 ? [[`${c.id}:${name}`, found.join("; ")] as const] : [];
    });
    const expected = Object.keys(SEEN).filter((row) => row.startsWith(`${c.id}:`));
    expect(seen.map(([row]) => row)).toEqual(expected);
    for (const [row, text] of seen) expect(text).toMatch(SEEN[row]);
  });
}
