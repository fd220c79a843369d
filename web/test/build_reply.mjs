// Flame graph answers made from stacks, in the layout of the API. Also used by the browser tests and their mock server.

/** stacks: { "main;work": value }. Children ascend by name, a node's own weight stands before its first child. */
export function replyOf(stacks) {
  const root = { name: "total", self: 0, total: 0, children: new Map() };
  for (const [stack, value] of Object.entries(stacks)) {
    let node = root;
    node.total += value;
    for (const name of stack.split(";")) {
      if (!node.children.has(name)) node.children.set(name, { name, self: 0, total: 0, children: new Map() });
      node = node.children.get(name);
      node.total += value;
    }
    node.self += value;
  }
  return encode(root);
}

function encode(root) {
  const names = [];
  const indexes = new Map();
  const nameIndex = (name) => {
    if (!indexes.has(name)) indexes.set(name, names.push(name) - 1);
    return indexes.get(name);
  };
  const levels = [];
  let maxSelf = 0;
  let row = [{ node: root, x: 0 }];
  while (row.length > 0) {
    const values = [];
    const next = [];
    let at = 0;
    for (const { node, x } of row) {
      values.push(String(x - at), String(node.total), String(node.self), String(nameIndex(node.name)));
      at = x + node.total;
      maxSelf = Math.max(maxSelf, node.self);
      let childAt = x + node.self;
      for (const child of [...node.children.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
        next.push({ node: child, x: childAt });
        childAt += child.total;
      }
    }
    levels.push({ values });
    row = next;
  }
  return { names, levels, total: String(root.total), maxSelf: String(maxSelf) };
}

export function deepReply(depth) {
  const stack = Array.from({ length: depth }, (_, i) => `f${i}`).join(";");
  return replyOf({ [stack]: 1000 });
}

/** About `nodes` nodes in 44 levels, the same for the same seed. */
export function bigReply(nodes, seed = 1) {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const root = { name: "total", self: 0, total: 0, children: new Map() };
  let count = 1;
  while (count < nodes) {
    const depth = 4 + Math.floor(random() * 40);
    const value = 1 + Math.floor(random() ** 4 * 1e6);
    let node = root;
    node.total += value;
    for (let d = 0; d < depth; d++) {
      const name = `pkg${d % 9}/mod${Math.floor(random() ** 3 * 6)}.function_${d}_${Math.floor(random() ** 2 * 5)}`;
      let child = node.children.get(name);
      if (!child) {
        child = { name, self: 0, total: 0, children: new Map() };
        node.children.set(name, child);
        count++;
      }
      child.total += value;
      node = child;
    }
    node.self += value;
  }
  return encode(root);
}
