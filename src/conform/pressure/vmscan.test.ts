import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { GFP_HIGHUSER_MOVABLE } from "../../machine/gfp.ts";
import { firstDivergence, parseVmscan, type VmscanEvent, vmscanEventOf, vmscanLine } from "./vmscan.ts";

const home = new URL("../../../conformance/golden/pressure/", import.meta.url);
const trace = parseVmscan(
  gunzipSync(readFileSync(new URL("extra/small_loop.classic.vmscan.jsonl.gz", home))).toString(),
);

test("a trace of the kernel is read in full, and equals itself whatever the order of the fields and the times", () => {
  expect(trace.length).toBe(616);
  const turned = trace.map(
    (e) => Object.fromEntries(Object.entries({ ...e, t: 0 }).reverse()) as unknown as VmscanEvent,
  );
  expect(firstDivergence(trace, turned)).toBeNull();
});

test("the first event that differs, the reclaim it belongs to, and what came before", () => {
  const at = trace.findLastIndex((e) => e.ev === "lru_isolate");
  const model = trace.map((e, i) => (i === at ? { ...e, nr_taken: 0 } : e));
  const found = firstDivergence(trace, model);
  expect(found).toMatchObject({ equal: at, reclaim: 42, record: trace[at], model: { nr_taken: 0 } });
  expect(found?.before).toEqual(trace.slice(at - 3, at));
});

test("one side that ends first", () => {
  expect(firstDivergence(trace, trace.slice(0, 5))).toMatchObject({ equal: 5, record: trace[5], model: null });
  expect(firstDivergence(trace.slice(0, 5), trace)).toMatchObject({ equal: 5, record: null, model: trace[5] });
});

test("who runs it is compared too: kswapd's isolation is not that of the process", () => {
  const e = { ev: "lru_isolate", by: "kswapd0", nr_taken: 1 };
  expect(firstDivergence([e], [{ ...e, by: "pressure" }])).not.toBeNull();
});

test("a line reads as in the trace file", () => {
  expect(vmscanLine(trace[0] as VmscanEvent)).toBe(
    "pressure: mm_vmscan_memcg_reclaim_begin: gfp_flags=GFP_HIGHUSER_MOVABLE order=0",
  );
  expect(vmscanLine({ t: 1, by: "kswapd0", ev: "kswapd_sleep" })).toBe("kswapd0: mm_vmscan_kswapd_sleep");
});

test.each([
  ["{", /^line 2: /],
  ["[]", "line 2 is not an object"],
  ['{"by":"x"}', "line 2 has no ev"],
  ['{"ev":"x","n":{}}', "line 2: n is no plain value"],
])("malformed: %s", (line, message) => {
  expect(() => parseVmscan(`{"ev":"a"}\n${line}\n`)).toThrow(message);
});

test("an event of the model becomes one of the trace file: its names of fields, its words for masks", () => {
  const fields = { isolate_mode: 0, highest_zoneidx: 4, order: 0, nr_requested: 2 };
  expect(vmscanEventOf("mm_vmscan_lru_isolate", fields, "pressure")).toEqual({
    ev: "lru_isolate",
    by: "pressure",
    isolate_mode: 0,
    classzone: 4,
    order: 0,
    nr_requested: 2,
  });
  const begin = vmscanEventOf(
    "mm_vmscan_memcg_reclaim_begin",
    { order: 0, gfp_flags: GFP_HIGHUSER_MOVABLE },
    "pressure",
  );
  expect(vmscanLine(begin as VmscanEvent)).toBe(vmscanLine(trace[0] as VmscanEvent));
  expect(vmscanEventOf("mm_vmscan_kswapd_wake", { nid: 0, zid: 3, order: 0 }, "kswapd0")).toEqual({
    ev: "kswapd_wake",
    by: "kswapd0",
    nid: 0,
    order: 0,
  });
  expect(vmscanEventOf("mm_vmscan_write_folio", { pfn: 1 }, "kswapd0")).toBeNull();
});
