import { expect, test } from "vitest";
import { explore } from "../mm/explore.testkit.ts";
import { type CheckResult, checkProgram } from "../search/check.ts";
import { caseProgram } from "../search/program.ts";
import { ATLAS, findCase } from "./index.ts";

/** How many tasks take part in the shortest run that shows the bug, by case and beginning of the variant's name. */
const THREADS: Readonly<Record<string, readonly [variant: RegExp, threads: number][]>> = {
  "gup-reclaim-recursive-wait": [
    [/^[ac]-/, 1],
    [/^b-/, 2],
  ],
  "gup-reclaim-before-first-pin": [[/./, 2]],
  "alloc-under-notifier-lock": [
    [/^buggy$/, 2],
    [/one-thread/, 1],
  ],
  "pinned-page-swapcache": [[/./, 3]],
  "fork-cow-steals-pin": [[/./, 3]],
  "gup-fast-vs-fork": [[/./, 3]],
  "cow-either-way": [[/./, 3]],
  "numa-thp-late-invalidate": [[/./, 4]],
  "secondary-tlb-permission-upgrade": [
    [/alone/, 2],
    [/./, 3],
  ],
  "numa-hint-breaks-pin": [[/./, 3]],
  "dirty-bit-lost-in-device-migrate": [[/./, 3]],
  "hugetlb-shared-pmd-migrate": [
    [/watched|narrow/, 2],
    [/./, 3],
  ],
  "uffd-wp-deferred-flush": [
    [/protect/, 5],
    [/./, 4],
  ],
  "khugepaged-file-no-notifier": [
    [/freed/, 3],
    [/./, 2],
  ],
  "oom-reaper-vs-blocking-notifier": [
    [/untold/, 3],
    [/./, 4],
  ],
  "invalidate-page-under-ptl": [
    [/zap/, 3],
    [/./, 2],
  ],
  "rmap-wrong-range": [
    [/freed/, 3],
    [/./, 2],
  ],
  "clear-refs-breaks-pin": [
    [/precise/, 2],
    [/./, 3],
  ],
  "interval-remove-early-return": [[/./, 2]],
  "interval-section-never-ends": [[/./, 2]],
  "unpaired-start-on-eagain": [
    [/guest/, 2],
    [/./, 1],
  ],
  "seq-read-twice": [[/./, 2]],
  "gntdev-waits-for-next-callback": [
    [/5\.15/, 2],
    [/./, 1],
  ],
  "hmm-mirror-freed-in-srcu": [[/./, 2]],
  "fence-path-allocates": [
    [/devfreq/, 3],
    [/./, 2],
  ],
  "shrinker-takes-ww-acquire": [
    [/two-threads/, 2],
    [/./, 1],
  ],
  "kfd-flush-work-from-release": [
    [/^buggy-with-user/, 2],
    [/./, 3],
  ],
  "gfp-noio-still-notifies": [[/./, 1]],
  "mmput-under-notifier-lock": [[/./, 2]],
  "page-lock-in-notifier": [
    [/nolock/, 2],
    [/./, 1],
  ],
  "xe-notifier-vs-folio-lock": [[/./, 2]],
  "struct-mutex-aliased-gtt": [
    [/flushed-aliased|trylock-plain/, 2],
    [/./, 1],
  ],
  "resched-in-nonblockable": [[/./, 2]],
  "memslot-changes-between-start-and-end": [[/./, 2]],
  "pfncache-inactive-but-valid": [[/./, 3]],
  "odp-revoke-vs-invalidate": [[/./, 2]],
  "device-private-ref-livelock": [[/./, 2]],
  "hmm-trylock-starvation": [[/./, 2]],
  "device-fault-no-ref": [[/./, 2]],
  "late-pin-check-fires-notifier": [[/./, 2]],
  "compaction-isolates-pinned": [
    [/reclaimer/, 2],
    [/./, 1],
  ],
  "gpu-stall-from-kswapd": [[/./, 3]],
  "unaccounted-notifier-immune-pin": [[/./, 3]],
};

function threadsOf(r: CheckResult): number {
  return new Set(r.schedule?.map((d) => d.task)).size;
}

for (const c of ATLAS) {
  for (const [name, v] of Object.entries(c.variants)) {
    test(`${c.id}:${name} is ${v.expect}`, async () => {
      const r = await checkProgram(caseProgram(c, name));
      expect(r).toMatchObject({ verdict: v.expect, complete: true });
      expect(r.states).toBeLessThan(20_000);
      if (r.verdict === "ok") return;
      const threads = THREADS[c.id]?.find(([variant]) => variant.test(name))?.[1];
      expect(threadsOf(r)).toBe(threads);
    });
  }
}

async function minimalOf(id: string, variant: string) {
  const c = findCase(id);
  if (!c) throw new Error(id);
  return (await checkProgram(caseProgram(c, variant))).minimal;
}

test("the founding deadlock needs no context switch, the removal race two preemptions", async () => {
  expect(await minimalOf("gup-reclaim-recursive-wait", "a-as-in-2020")).toMatchObject({
    preemptions: 0,
    switches: 0,
    certain: true,
  });
  expect(await minimalOf("interval-remove-early-return", "buggy")).toMatchObject({ preemptions: 2, certain: true });
});

test.each(ATLAS)("without any reduction the verdicts are the same: $id", (c) => {
  for (const [name, v] of Object.entries(c.variants)) {
    const { verdict } = explore((m) => c.setup(m, name), { localSteps: false });
    expect([c.id, name, verdict]).toEqual([c.id, name, v.expect]);
  }
});

test("every case says where it is from, explains itself, and has a fix beside its bug", () => {
  expect(findCase("no-such-case")).toBeUndefined();
  for (const c of ATLAS) {
    expect(findCase(c.id)).toBe(c);
    expect([c.id, c.sources.length > 0, c.text.length > 200, c.class.length > 0]).toEqual([c.id, true, true, true]);
    const expected = Object.values(c.variants).map((v) => v.expect);
    expect([c.id, expected.includes("ok"), expected.some((e) => e !== "ok")]).toEqual([c.id, true, true]);
    for (const v of Object.values(c.variants)) expect(v.about?.length ?? 0).toBeGreaterThan(5);
  }
});
