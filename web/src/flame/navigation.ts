// Steps that the keyboard takes through a flame graph. Each returns the node to go to; the same node at an edge.

import type { FlameModel } from "./model.ts";
import type { Matches } from "./search.ts";

export function toParent(model: FlameModel, node: number): number {
  return model.parent[node] >= 0 ? model.parent[node] : node;
}

/** The widest child: going down follows the weight. */
export function toChild(model: FlameModel, node: number): number {
  let best = node;
  let weight = -1;
  for (let child = model.childStart[node]; child < model.childEnd[node]; child++) {
    if (model.total[child] > weight) {
      best = child;
      weight = model.total[child];
    }
  }
  return best;
}

/** The neighbour in the same level, of the same parent or the next one. */
export function toSibling(model: FlameModel, node: number, direction: -1 | 1): number {
  const level = model.level[node];
  const next = node + direction;
  return next >= model.levelStart[level] && next < model.levelStart[level + 1] ? next : node;
}

/** The next matching node in level order, around the end; -1 when nothing matches. */
export function toMatch(model: FlameModel, matches: Matches, from: number, direction: -1 | 1): number {
  if (matches.nodeCount === 0) return -1;
  const count = model.nodeCount;
  let node = from < 0 ? (direction === 1 ? -1 : count) : from;
  for (let step = 0; step < count; step++) {
    node = (node + direction + count) % count;
    if (matches.names[model.name[node]] === 1) return node;
  }
  return -1;
}

/** One-based place among the children of the parent. */
export function siblingPlace(model: FlameModel, node: number): { place: number; count: number } {
  const parent = model.parent[node];
  if (parent < 0) return { place: 1, count: 1 };
  const start = model.childStart[parent];
  return { place: node - start + 1, count: model.childEnd[parent] - start };
}
