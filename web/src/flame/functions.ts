// Per-function sums of a flame graph: the rows of the table.
//
// total counts a function once per stack: a recursive call adds nothing to it. The walk keeps, per name, how many
// frames of that name are above; only the outermost one adds its total.

import type { FlameModel } from "./model.ts";

export interface FunctionSums {
  /** All three are indexed like model.names. */
  self: Float64Array;
  total: Float64Array;
  nodes: Uint32Array;
}

export function sumFunctions(model: FlameModel): FunctionSums {
  const names = model.names.length;
  const self = new Float64Array(names);
  const total = new Float64Array(names);
  const nodes = new Uint32Array(names);
  const open = new Uint32Array(names);
  const path = new Int32Array(model.levelCount + 1);
  const next = new Uint32Array(model.levelCount + 1);
  if (model.nodeCount === 0) return { self, total, nodes };

  const enter = (node: number, depth: number) => {
    const name = model.name[node];
    if (open[name]++ === 0) total[name] += model.total[node];
    self[name] += model.self[node];
    nodes[name]++;
    path[depth] = node;
    next[depth] = model.childStart[node];
  };
  let depth = 0;
  enter(0, 0);
  while (depth >= 0) {
    const node = path[depth];
    if (next[depth] < model.childEnd[node]) {
      enter(next[depth]++, ++depth);
    } else {
      open[model.name[node]]--;
      depth--;
    }
  }
  return { self, total, nodes };
}

/** The weight that the server folded into nodes named `other` to keep the answer small. */
export function truncatedWeight(model: FlameModel): number {
  const other = model.names.indexOf("other");
  if (other < 0) return 0;
  let weight = 0;
  for (let node = 1; node < model.nodeCount; node++) {
    const leaf = model.childEnd[node] === 0;
    if (model.name[node] === other && leaf) weight += model.self[node];
  }
  return weight;
}

export type SortKey = "name" | "self" | "total";

/** Indexes of names, in order. The root is no function; it only gets a row when it has weight of its own. */
export function sortedFunctions(
  model: FlameModel,
  sums: FunctionSums,
  keep: Uint8Array | undefined,
  key: SortKey,
  descending: boolean,
): Uint32Array {
  const rows: number[] = [];
  const root = model.nodeCount > 0 ? model.name[0] : -1;
  for (let i = 0; i < model.names.length; i++) {
    if (sums.nodes[i] === 0 || (i === root && sums.nodes[i] === 1 && sums.self[i] === 0)) continue;
    if (!keep || keep[i]) rows.push(i);
  }
  const byName = (a: number, b: number) => (model.names[a] < model.names[b] ? -1 : 1);
  const sign = descending ? -1 : 1;
  if (key === "name") rows.sort((a, b) => sign * byName(a, b));
  else {
    const column = sums[key];
    const tie = key === "self" ? sums.total : sums.self;
    rows.sort((a, b) => sign * (column[a] - column[b]) || sign * (tie[a] - tie[b]) || byName(a, b));
  }
  return Uint32Array.from(rows);
}
