import fc from "fast-check";
import { expect, test } from "vitest";
import { components } from "./components.ts";

/** Reachability by brute force: the oracle. */
function reaches(nodes: number, edges: readonly (readonly [number, number])[]): boolean[][] {
  const r = Array.from({ length: nodes }, (_, i) => Array.from({ length: nodes }, (_, j) => i === j));
  for (const [a, b] of edges) r[a][b] = true;
  for (let k = 0; k < nodes; k++)
    for (let i = 0; i < nodes; i++) for (let j = 0; j < nodes; j++) r[i][j] ||= r[i][k] && r[k][j];
  return r;
}

test("two nodes are in one component iff each reaches the other", () => {
  const graph = fc.integer({ min: 1, max: 9 }).chain((nodes) => {
    const node = fc.nat({ max: nodes - 1 });
    return fc.tuple(fc.constant(nodes), fc.array(fc.tuple(node, node), { maxLength: 25 }));
  });
  fc.assert(
    fc.property(graph, ([nodes, edges]) => {
      const first: number[] = [];
      const target: number[] = [];
      for (let i = 0; i < nodes; i++) {
        first.push(target.length);
        for (const [a, b] of edges) if (a === i) target.push(b);
      }
      first.push(target.length);
      const c = components(nodes, first, target);
      const r = reaches(nodes, edges);
      for (let i = 0; i < nodes; i++) for (let j = 0; j < nodes; j++) expect(c[i] === c[j]).toBe(r[i][j] && r[j][i]);
    }),
    { seed: 2, numRuns: 300 },
  );
});
