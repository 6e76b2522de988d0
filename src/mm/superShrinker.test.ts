import { expect, test } from "vitest";
import { unchecked } from "../machine/core.ts";
import { GFP_KERNEL, GFP_NOFS } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import { explore } from "./explore.testkit.ts";
import { nameFile } from "./inode.ts";
import { createKernel } from "./kernel.ts";
import { allocatesMounting, dropsInodes, type SuperWorld, shrinksWith } from "./superShrinker.testkit.ts";
import { createSuperBlock } from "./superShrinker.ts";

interface Seen {
  unused: number;
  evicted: number;
  steal: number;
  pages: number;
}

function world(m: Machine, seen: Seen[], frames: number, tries = true): SuperWorld {
  const k = createKernel(m, {
    frames,
    nodes: 1,
    tableShift: 1,
    windowShift: 3,
    tables: 2,
    mms: 1,
    processes: 1,
    vmas: 1,
    inodes: 1,
    files: 1,
    filePages: 4,
    gathers: 1,
    gatherPages: 2,
    shrinkers: 1,
    shrinking: 2,
    reclaims: true,
  });
  const path = nameFile(k, "/mnt/f");
  const sb = createSuperBlock(m, k, tries);
  const look = (): void => {
    seen.push(
      unchecked(() => ({
        unused: sb.count,
        evicted: sb.inodes.evicted[0],
        steal: k.stat.global.pginodesteal,
        pages: k.inodes[0].nrpages,
      })),
    );
  };
  return m.keep({ k, sb, path, look });
}

function run(spawn: (m: Machine, w: SuperWorld) => void): Seen[] {
  const seen: Seen[] = [];
  const m = buildSequential((machine) => spawn(machine, world(machine, seen, 32)));
  expect(runSequentially(m)).toBe(null);
  return seen;
}

test("an inode with pages is not on the list; one that gets pages again loses them first, then memory; its data stay", () => {
  expect(run((m, w) => m.spawn("T", dropsInodes, [w]))).toEqual([
    { unused: 0, evicted: 0, steal: 0, pages: 3 },
    { unused: 1, evicted: 0, steal: 0, pages: 0 },
    { unused: 1, evicted: 0, steal: 0, pages: 3 },
    // Who dropped the pages was its last user, so it counts as used once more.
    { unused: 1, evicted: 0, steal: 3, pages: 0 },
    { unused: 1, evicted: 0, steal: 3, pages: 0 },
    { unused: 0, evicted: 1, steal: 3, pages: 0 },
  ]);
});

test("without __GFP_FS the file system is left alone", () => {
  expect(run((m, w) => m.spawn("T", shrinksWith, [w, GFP_NOFS]))[0].evicted).toBe(0);
  expect(run((m, w) => m.spawn("T", shrinksWith, [w, GFP_KERNEL]))[0].evicted).toBe(1);
});

const mounting = (tries: boolean) =>
  explore((m) => {
    m.spawn("mount", allocatesMounting, [world(m, [], 3, tries)]);
  });

test("s_umount is only tried: who holds it may be the one that reclaims", () => {
  expect([mounting(true).verdict, mounting(true).message]).toEqual(["ok", ""]);
  expect(mounting(false).verdict).toBe("deadlock");
});
