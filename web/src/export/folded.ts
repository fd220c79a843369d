// The graph as text of other tools: folded stacks (one line per stack) and the JSON of the HTTP API.

import type { FlameGraphReply, FlameModel } from "../flame/model.ts";

/** Lines `root;frame;frame value`; semicolons and line ends within names would break the format and become ':' and ' '. */
export function toFolded(model: FlameModel): string {
  const clean = model.names.map((name) => name.replace(/;/g, ":").replace(/[\r\n]+/g, " "));
  const lines: string[] = [];
  for (let node = 1; node < model.nodeCount; node++) {
    if (model.self[node] <= 0) continue;
    const path = model.ancestors(node).slice(1);
    lines.push(`${path.map((n) => clean[model.name[n]]).join(";")} ${model.self[node].toFixed(0)}`);
  }
  return lines.length > 0 ? `${lines.join("\n")}\n` : "";
}

/** The same shape that SelectMergeStacktraces answers with; int64 are strings there too. */
export function toFlameGraphJson(model: FlameModel): { flamegraph: Required<FlameGraphReply> } {
  const levels: { values: string[] }[] = [];
  let maxSelf = 0;
  for (let l = 0; l < model.levelCount; l++) {
    const values: string[] = [];
    let at = 0;
    for (let node = model.levelStart[l]; node < model.levelStart[l + 1]; node++) {
      values.push(String(model.x[node] - at), String(model.total[node]), String(model.self[node]), String(model.name[node]));
      at = model.x[node] + model.total[node];
      maxSelf = Math.max(maxSelf, model.self[node]);
    }
    levels.push({ values });
  }
  return {
    flamegraph: { names: [...model.names], levels, total: String(model.grandTotal), maxSelf: String(maxSelf) },
  };
}
