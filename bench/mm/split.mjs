// What reclaim spends its time on: the samples of a CPU profile, each given to the nearest caller that is one of the parts.
import { readFileSync } from "node:fs";

/** Parts by file of src/mm; files that serve several parts (locks, counts, page tables …) count for their callers. */
const PARTS = {
  "access, fault, swap-in": ["memory", "memorySwap", "swapReadahead", "cpuAccess", "workingset"],
  "allocation, charge": ["pageAllocSlow", "memcontrol"],
  "scan, isolation, lists": [
    "vmscan",
    "vmscanLruvec",
    "vmscanLists",
    "vmscanFolio",
    "vmscanCount",
    "isolate",
    "kswapd",
    "policies/classic",
  ],
  references: ["vmscanReferences", "folioReferenced"],
  unmap: ["tryToUnmap", "tlbBatch"],
  "swap slot, swap cache": ["swapSlots", "swapState"],
  "pageout, out of the swap cache": ["pageout", "pageIo"],
  "LRU batches": ["swap"],
  "free lists": ["pageAlloc"],
};

const partOf = new Map(
  Object.entries(PARTS).flatMap(([part, files]) => files.map((file) => [`dist/mm/${file}.js`, part])),
);

/** Share of each part, in order of PARTS; what belongs to none (start, compiler and collector of the engine) is `other`. */
export function splitOf(file) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, "utf8"));
  const parents = new Map();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node.id);
  const known = new Map();
  const find = (id) => {
    if (id === undefined) return "other";
    if (known.has(id)) return known.get(id);
    const place = byId.get(id).callFrame.url.replace(/^.*\/dist\//, "dist/");
    const part = partOf.get(place) ?? find(parents.get(id));
    known.set(id, part);
    return part;
  };
  const times = new Map();
  let all = 0;
  samples.forEach((id, i) => {
    const { functionName } = byId.get(id).callFrame;
    if (functionName === "(idle)" || functionName === "(program)") return;
    const part = find(id);
    times.set(part, (times.get(part) ?? 0) + timeDeltas[i]);
    all += timeDeltas[i];
  });
  return [...Object.keys(PARTS), "other"].map((part) => ({ part, share: (times.get(part) ?? 0) / all }));
}
