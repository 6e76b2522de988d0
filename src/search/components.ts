/** Strongly connected components (Tarjan 1972), without recursion. */

/** Component number of each node; edges of node i go to `target[first[i] … first[i+1])`. */
export function components(nodes: number, first: readonly number[], target: readonly number[]): Int32Array {
  const component = new Int32Array(nodes).fill(-1);
  const index = new Int32Array(nodes).fill(-1);
  const low = new Int32Array(nodes);
  const next = new Int32Array(nodes);
  const open: number[] = [];
  const path: number[] = [];
  let counter = 0;
  let found = 0;
  for (let root = 0; root < nodes; root++) {
    if (index[root] >= 0) continue;
    path.push(root);
    while (path.length > 0) {
      const v = path[path.length - 1];
      if (index[v] < 0) {
        index[v] = low[v] = counter++;
        next[v] = first[v];
        open.push(v);
      }
      let descend = -1;
      while (next[v] < first[v + 1]) {
        const w = target[next[v]++];
        if (index[w] < 0) {
          descend = w;
          break;
        }
        if (component[w] < 0 && index[w] < low[v]) low[v] = index[w];
      }
      if (descend >= 0) {
        path.push(descend);
        continue;
      }
      path.pop();
      const up = path[path.length - 1];
      if (up !== undefined && low[v] < low[up]) low[up] = low[v];
      if (low[v] !== index[v]) continue;
      for (let w = -1; w !== v; ) {
        w = open.pop() ?? v;
        component[w] = found;
      }
      found++;
    }
  }
  return component;
}
