// Where the time goes: self time by function of a CPU profile (node --cpu-prof), of the code in dist/ only.
import { readFileSync } from "node:fs";

/** The `n` functions with most self time: name, file, share of all samples. */
export function topFunctions(file, n = 15) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, "utf8"));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const times = new Map();
  let all = 0;
  samples.forEach((id, i) => {
    const { functionName, url } = byId.get(id).callFrame;
    const name = functionName || "(anonymous)";
    // Accessors of fields are code of their own, which is in no file.
    const isAccessor = url === "" && (functionName === "get" || functionName === "set");
    const place = isAccessor ? "dist/machine/accessors.js" : url.replace(/^.*\/(dist|bench|\.cache)\//, "$1/");
    if (name === "(idle)" || name === "(program)") return;
    const key = `${name}\t${place}`;
    times.set(key, (times.get(key) ?? 0) + timeDeltas[i]);
    all += timeDeltas[i];
  });
  return [...times]
    .sort((a, b) => b[1] - a[1])
    .slice(0, n)
    .map(([key, time]) => {
      const [name, place] = key.split("\t");
      return { name, place, share: time / all };
    });
}

if (process.argv[1].endsWith("profile.mjs")) {
  for (const { name, place, share } of topFunctions(process.argv[2], 40)) {
    process.stdout.write(`${(100 * share).toFixed(1).padStart(5)} %  ${name}  ${place}\n`);
  }
}
