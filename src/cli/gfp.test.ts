/** `mayfail gfp` in this thread: its tables, its filters, its document. */
import { expect, test } from "vitest";
import { runCli } from "./cli.testkit.ts";

const small = ["--mask", "GFP_NOIO", "--page", "clean"];

test("one mask in detail: a line for each kind of page, what is entered, and the verdict for each lock", async () => {
  const { code, out, err } = await runCli(["gfp", ...small]);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(/^GFP_NOIO, process \(linux-6\.1\)\npages +end +spinlock +driver +mmap_lock/);
  expect(out).toMatch(/^clean +sleeps +loops +sleeps +deadlock +ok\b/m);
  expect(out).toMatch(/^clean +deadlock +ok +ok +ok +wakes reclaim young notifier shrink\n +oom$/m);
});

test("filters: the lock, the scope, the caller, and what kswapd does by itself", async () => {
  const held = await runCli(["gfp", ...small, "--held", "driver", "--scope", "noreclaim"]);
  expect(held.out).toMatch(/^GFP_NOIO, process, memalloc_noreclaim_save \(PF_MEMALLOC\) /);
  expect(held.out).toMatch(/^pages +end +driver +enters\nclean +sleeps +fails +ok +wakes\n$/m);
  const itself = await runCli(["gfp", "--mask", "kswapd", "--page", "clean", "--held", "none"]);
  expect(itself.out).toMatch(
    /^kswapd, kswapd \(linux-6\.1\)\n.*\nclean +sleeps +done +young notifier shrink inodes\n$/,
  );
});

test("rules decide about locks: before v5.19 folio_referenced waited for those of the reverse mapping", async () => {
  const held = (rules: string) =>
    runCli(["gfp", "--mask", "GFP_KERNEL", "--page", "clean", "--held", "rmap", "--rules", rules]);
  expect((await held("linux-6.1")).out).toMatch(/^clean +sleeps +kills \(fails\) +ok /m);
  expect((await held("linux-5.11")).out).toMatch(/^clean +sleeps +kills \(fails\) +deadlock /m);
});

test("a worker is nobody's victim, so its allocation does not end with a kill", async () => {
  const { out } = await runCli(["gfp", ...["--mask", "GFP_KERNEL", "--page", "clean"], "--caller", "worker"]);
  expect(out).toMatch(/^clean +sleeps +kills +sleeps/m);
});

test("--json: the document of docs/cli.md, with all scopes and callers that are not named", async () => {
  const { out } = await runCli(["gfp", "--mask", "GFP_ATOMIC", "--page", "anon", "--held", "driver", "--json"]);
  const document = JSON.parse(out) as { rows: unknown[] };
  expect(document).toMatchObject({ schema: "mayfail/gfp/1", rules: "linux-6.1", pins: [] });
  expect(document.rows).toHaveLength(5 * 3);
  expect(document.rows[0]).toEqual({
    mask: "GFP_ATOMIC",
    scope: "none",
    caller: "process",
    page: "anon",
    entered: ["kswapd"],
    sleeps: false,
    movable: false,
    ending: "fails",
    victim: null,
    got: 6,
    held: { driver: "ok" },
  });
});

test("--pins: a block for each set of rules; --rules and --page choose", async () => {
  const all = await runCli(["gfp", "--pins", "--page", "shmem"]);
  expect(all.out.match(/^\S+:$/gm)).toEqual(
    "linux-5.7: mayfail-as-posted: mayfail-full: skip-pinned-unmap: linux-5.11: linux-6.1: linux-6.4: early-all:".split(
      " ",
    ),
  );
  const one = await runCli(["gfp", "--pins", "--rules", "mayfail-full", "--page", "clean"]);
  expect(one.out).toMatch(/^clean +FOLL_PIN +refuses +yes +no +18/m);
  const json = JSON.parse((await runCli(["gfp", "--pins", "--rules", "linux-5.11", "--page", "anon", "--json"])).out);
  expect(json).toMatchObject({ schema: "mayfail/gfp/1", rules: "linux-5.11", rows: [] });
  expect(json.pins).toHaveLength(3);
  expect(json.pins[2]).toMatchObject({ pin: "pin", notified: 0, mapped: true, freed: false });
});

test("mistakes are told: masks, kinds, rules, and what does not go together", async () => {
  const errorOf = async (...argv: string[]) => (await runCli(["gfp", ...argv])).err;
  expect(await errorOf("--mask", "GFP_KERNAL")).toMatch(/^MF0118: .*"GFP_KERNAL".*GFP_KERNEL/);
  expect(await errorOf("--mask", "GFP_KERNEL|NORETRY")).toMatch(/^MF0118: .*"NORETRY".*__GFP_NORETRY/);
  expect(await errorOf("--held", "everything")).toMatch(/^MF0103: .*one of none, spinlock/);
  expect(await errorOf("--rules", "linux-2.4", ...small)).toMatch(/^MF0501: /);
  expect(await errorOf("--pins", "--held", "driver")).toMatch(/^MF0102: /);
  expect(await errorOf("GFP_KERNEL")).toMatch(/^MF0102: /);
});
