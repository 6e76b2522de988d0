/** What lockdep would have said: it sees locks and their order, on whatever paths ran. */
import { expect, test } from "vitest";
import { lockdepReports, observeLockdep, resetLockdep } from "../machine/lockdep.ts";
import { explore } from "../mm/slice/explore.testkit.ts";
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

test("of the whole atlas lockdep sees one case; of the founding case nothing, its subclass says so", () => {
  const seen = ATLAS.flatMap((c) =>
    Object.keys(c.variants).flatMap((name) => {
      const found = reports((m) => c.setup(m, name));
      return found.length > 0 ? [`${c.id}:${name}: ${found.join("; ")}`] : [];
    }),
  );
  expect(seen).toEqual([
    expect.stringMatching(/^alloc-under-notifier-lock:buggy: 2 lock classes .*mr\.umemMutex.*mkeyCache\.rbLock/),
    expect.stringMatching(/^alloc-under-notifier-lock:buggy-one-thread: mr\.umemMutex is taken while/),
  ]);
});
