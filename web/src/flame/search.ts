// Search over function names and what share of the whole runs through the matches.

import type { FlameModel } from "./model.ts";

const NAME_CHARS_SEARCHED = 4096;

/** Case matters only when the text has a capital letter. */
export function compileSearch(text: string): { regex?: RegExp; error?: string } {
  if (text === "") return {};
  try {
    return { regex: new RegExp(text, /[A-Z]/.test(text.replace(/\\./g, "")) ? "u" : "iu") };
  } catch (cause) {
    const why = String((cause as Error).message).replace(/^Invalid regular expression: (\/.*\/\w*: )?/, "");
    return { error: `Not a regular expression: ${why}` };
  }
}

export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

export interface Matches {
  /** 1 per matching name, indexed like model.names. */
  names: Uint8Array;
  /** prefix[i] = number of matching nodes before node i; a range of nodes is tested by one subtraction. */
  prefix: Uint32Array;
  nodeCount: number;
  nameCount: number;
  self: number;
  /** Weight of the stacks that have a match anywhere; a stack counts once. */
  through: number;
}

export function findMatches(model: FlameModel, matchesName: (name: string) => boolean): Matches {
  const names = new Uint8Array(model.names.length);
  let nameCount = 0;
  const root = model.nodeCount > 0 ? model.name[0] : -1;
  for (let i = 0; i < names.length; i++) {
    const name = model.names[i];
    const searched = name.length > NAME_CHARS_SEARCHED ? name.slice(0, NAME_CHARS_SEARCHED) : name;
    if (i !== root && matchesName(searched)) {
      names[i] = 1;
      nameCount++;
    }
  }
  const prefix = new Uint32Array(model.nodeCount + 1);
  const covered = new Uint8Array(model.nodeCount);
  let nodeCount = 0;
  let self = 0;
  let through = 0;
  // Level order: a parent is always seen before its children.
  for (let node = 0; node < model.nodeCount; node++) {
    const above = model.parent[node] >= 0 && covered[model.parent[node]] === 1;
    const match = names[model.name[node]] === 1;
    if (match) {
      nodeCount++;
      self += model.self[node];
      if (!above) through += model.total[node];
    }
    covered[node] = above || match ? 1 : 0;
    prefix[node + 1] = nodeCount;
  }
  return { names, prefix, nodeCount, nameCount, self, through };
}
