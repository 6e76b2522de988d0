/** conformance/DIFFERENCES.md: workloads of which it is known that, and why, the model does not do what the record says. */

/** Reason by name of the workload: the first paragraph below `## name`. */
export function parseDifferences(text: string): ReadonlyMap<string, string> {
  const reasons = new Map<string, string>();
  for (const section of text.split(/^## /m).slice(1)) {
    const [head = "", ...body] = section.split("\n");
    const paragraph =
      body
        .join("\n")
        .trim()
        .split(/\n\s*\n/)[0] ?? "";
    reasons.set(head.trim(), paragraph.replace(/\s+/g, " "));
  }
  return reasons;
}
