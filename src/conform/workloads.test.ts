/** The workloads of conformance/ run in the model, and compared with the records of a real kernel. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../scripts/project.mjs";
import { checkKernel, checkNothingLeft } from "../mm/checks.ts";
import { compareRecords } from "./compare.ts";
import { parseDifferences } from "./differences.ts";
import { parseRecord } from "./record.ts";
import { recordWorkload, type Workload } from "./run.ts";
import { align } from "./sideBySide.ts";

const conformance = join(root, "conformance");
const known = parseDifferences(readFileSync(join(conformance, "DIFFERENCES.md"), "utf8"));
const workload = async (name: string) =>
  (await import(/* @vite-ignore */ join(conformance, "workloads", `${name}.ts`))) as Workload;
const names = readdirSync(join(conformance, "workloads"))
  .filter((name) => name.endsWith(".ts"))
  .map((name) => name.slice(0, -3));

for (const [folder, options] of [
  ["notifier", { watchPtes: true }],
  ["notifier-movable", { watchPtes: true, movable: 0.4 }],
] as const) {
  const index = JSON.parse(readFileSync(join(conformance, "golden", folder, "index.json"), "utf8")) as {
    name: string;
    repeats: string;
  }[];
  for (const { name, repeats } of index) {
    if (!names.includes(name)) continue;
    const full = folder === "notifier" ? name : `${folder}/${name}`;
    test(full, async () => {
      const record = parseRecord(readFileSync(join(conformance, "golden", folder, `${name}.jsonl`), "utf8"));
      const { events, failed } = recordWorkload(await workload(name), options, {
        between: checkKernel,
        atEnd: checkNothingLeft,
      });
      const result = compareRecords(record, events, { batchVaries: repeats === "sequence" });
      const rows = align(result.record, result.model);
      const shown = rows.map((r) =>
        r.record === r.model ? `  ${r.record}` : `- ${r.record ?? ""}\n+ ${r.model ?? ""}`,
      );
      const outcome = failed ?? (result.first === null ? "match" : `${result.first}\n${shown.join("\n")}`);
      if (known.has(full)) expect(outcome, "DIFFERENCES.md lists it").not.toBe("match");
      else expect(outcome).toBe("match");
    });
  }
}

test("what is listed exists, and no workload has a record under another name", () => {
  const records = readdirSync(join(conformance, "golden/notifier")).map((name) => name.replace(/\.jsonl$/, ""));
  const exists = (name: string): boolean =>
    names.includes(name.replace(/^.*\//, "")) ||
    (name.startsWith("pressure/") && existsSync(join(conformance, "golden", `${name}.classic.json`)));
  expect([...known.keys()].filter((name) => !exists(name))).toEqual([]);
  expect(names.filter((name) => records.includes(name)).length).toBeGreaterThan(40);
});
