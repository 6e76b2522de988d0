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

test("while all pages are touched, a third of what is reclaimed is reclaimed by the process itself", async () => {
  const params = parseJobs(read("jobs.txt")).get("g_zipf");
  if (params === undefined) throw new Error("no job g_zipf");
  const machine = parseMachine(JSON.parse(read("machine.json")));
  const result = await pressureModel.run({ name: "g_zipf", params: { ...params, accesses: 100 }, machine }, () => {});
  expect(result.failed).toBeNull();
  const { runs } = JSON.parse(read("g_zipf.classic.json")) as Recorded;
  for (const name of SHARES) {
    // The first repetition was traced, which took memory from it.
    const recorded = runs.slice(1).map((run) => run.vmstat_prefill[name] as number);
    const mean = recorded.reduce((a, b) => a + b, 0) / recorded.length;
    const model = result.prefill[name] as number;
    expect(Math.abs(model - mean) / mean, `${name}: ${model}, recorded ${recorded.join(", ")}`).toBeLessThan(0.15);
  }
});
