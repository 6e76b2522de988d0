/** A job on the machine itself: kswapd and direct reclaim beside each other on one CPU, in the shares of the record. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseJobs, parseMachine } from "./job.ts";
import { pressureModel } from "./onMm.ts";

const home = new URL("../../../conformance/golden/pressure/global/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, home), "utf8");

interface Recorded {
  readonly runs: readonly { readonly vmstat_prefill: Readonly<Record<string, number>> }[];
}

const SHARES = ["pgsteal_kswapd", "pgsteal_direct", "pgscan_kswapd", "pgscan_direct", "allocstall_movable"] as const;

test("while all pages are touched, the process itself reclaims a third, and text of the program is swapped out", async () => {
  const params = parseJobs(read("jobs.txt")).get("g_seq");
  if (params === undefined) throw new Error("no job g_seq");
  const machine = parseMachine(JSON.parse(read("machine.json")));
  const { failed, prefill } = await pressureModel.run(
    { name: "g_seq", params: { ...params, accesses: 10 }, machine },
    () => {},
  );
  expect(failed).toBeNull();
  const { runs } = JSON.parse(read("g_seq.classic.json")) as Recorded;
  for (const name of SHARES) {
    // The first repetition finds the memory as boot has left it, the others as jobs do.
    const recorded = runs.slice(1).map((run) => run.vmstat_prefill[name] as number);
    const mean = recorded.reduce((a, b) => a + b, 0) / recorded.length;
    const model = prefill[name] as number;
    expect(Math.abs(model - mean) / mean, `${name}: ${model}, recorded ${recorded.join(", ")}`).toBeLessThan(0.15);
  }
  // Nothing but text has been swapped out and in; what was read ahead costs a minor fault.
  expect(prefill["majflt"]).toBeGreaterThan(0);
  expect(prefill["minflt"]).toBe(params.anon + (prefill["swap_ra_hit"] as number));
});
