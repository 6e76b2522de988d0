import { expect, test } from "vitest";
import { unchecked } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import { type CompactWorld, compactsAgainstPin, compactsHoles } from "./compaction.testkit.ts";
import { explore } from "./explore.testkit.ts";
import { createPages } from "./gup.ts";
import { createKernel, type Kernel, type KernelOptions } from "./kernel.ts";
import { createProcess } from "./mmUsers.ts";
import { PG_buddy } from "./page.ts";
import { type Rules, rules } from "./rules.ts";
import { smallKernel } from "./world/small.ts";

/** Frames in use before and after, and what was counted. */
function compacted(n: number, pinned: boolean, options: KernelOptions = {}) {
  const used: number[][] = [];
  let kernel: Kernel | null = null;
  const m = buildSequential((machine) => {
    const k = createKernel(machine, { frames: 33, nodes: 1, tableShift: 3, windowShift: 9, tables: 8, ...options });
    kernel = k;
    const look = (): void => {
      const { flags, count } = k.frames;
      used.push(unchecked(() => Array.from({ length: count }, (_, i) => i).filter((i) => (flags[i] & PG_buddy) === 0)));
    };
    machine.spawn("P", compactsHoles, [world(machine, k, look), n, pinned]);
  });
  expect(runSequentially(m)).toBe(null);
  const { compact_isolated, pgmigrate_success, pgmigrate_fail } = (kernel as unknown as Kernel).stat.global;
  return { used, compact_isolated, pgmigrate_success, pgmigrate_fail };
}
function world(m: Machine, k: Kernel, look = (): void => undefined): CompactWorld {
  return m.keep({ k, p: createProcess(k), pages: createPages("pinned", 2), look });
}

test("pages move from the start of the zone to its end, in blocks that the scanners do not share", () => {
  const { used, ...counters } = compacted(8, false);
  // Frame 0 is the zero page. Frames of the last block are taken from its start on; the last page isolated moves first.
  expect(used[0].slice(1)).toEqual([2, 4, 6, 8]);
  expect(Math.min(...used[1].slice(1))).toBeGreaterThanOrEqual(24);
  expect(used[1].length).toBe(used[0].length);
  expect(counters.pgmigrate_success).toBe(4);
  expect(counters.pgmigrate_fail).toBe(0);
});

test("a pinned page is not even isolated; without the check it is, in vain", () => {
  const checked = compacted(8, true);
  expect(checked.used[1]).toContain(checked.used[0][1]);
  expect([checked.pgmigrate_success, checked.pgmigrate_fail]).toEqual([3, 0]);
  const unchecked2014 = compacted(8, true, { rules: rules("linux-6.1", { without: ["compactionSkipsPinned"] }) });
  expect(unchecked2014.used[1]).toContain(unchecked2014.used[0][1]);
  expect([unchecked2014.pgmigrate_success, unchecked2014.pgmigrate_fail]).toEqual([3, 1]);
});

const againstPin = (r?: Rules) =>
  explore((m) => {
    const k = smallKernel(m, { frames: 6, ...(r ? { rules: r } : {}) });
    m.spawn("P", compactsAgainstPin, [world(m, k)], { children: 2 });
  });

test("against a pin through which a device writes, in every interleaving", () => {
  const safe = againstPin();
  expect([safe.verdict, safe.message]).toEqual(["ok", ""]);
  const careless = { shareAnonCheck: false, without: ["compactionSkipsPinned", "migrateRefFreeze"] } as const;
  expect(againstPin(rules("linux-6.1", careless)).verdict).not.toBe("ok");
});
