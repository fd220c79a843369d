// A flame graph as columns: one typed array per property, nodes in level order. 100,000 nodes cost about 5 MB and no
// objects. Built once per answer, never changed.
//
// INVARIANT: nodes of one level ascend by x and do not overlap; the children of a node are neighbours in the next
// level and lie within it; node 0 is the root.

export interface FlameGraphReply {
  names?: string[];
  /** Four numbers per node: gap to the end of the previous node of the level, total, self, index of the name. */
  levels?: { values?: (string | number)[] }[];
  total?: string | number;
  maxSelf?: string | number;
}

const FNV_PRIME = 0x01000193;

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  const length = Math.min(text.length, 4096);
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash >>> 0;
}

export class FlameModel {
  readonly names: readonly string[];
  readonly nodeCount: number;
  readonly levelCount: number;
  /** levelStart[l] .. levelStart[l + 1] are the nodes of level l. */
  readonly levelStart: Uint32Array;
  readonly x: Float64Array;
  readonly total: Float64Array;
  readonly self: Float64Array;
  readonly name: Uint32Array;
  readonly level: Uint32Array;
  /** -1 for the root. */
  readonly parent: Int32Array;
  readonly childStart: Uint32Array;
  readonly childEnd: Uint32Array;
  private readonly pathHash: Uint32Array;
  readonly grandTotal: number;
  /** True when values above 2^53 were rounded to the nearest number a browser can hold. */
  readonly rounded: boolean;

  constructor(reply: FlameGraphReply) {
    const levels = reply.levels ?? [];
    this.names = reply.names ?? [];
    let count = 0;
    for (const level of levels) {
      const length = level.values?.length ?? 0;
      if (length % 4 !== 0) throw new Error(`flame graph level has ${length} numbers, not a multiple of 4`);
      count += length / 4;
    }
    this.nodeCount = count;
    this.levelCount = levels.length;
    this.levelStart = new Uint32Array(levels.length + 1);
    this.x = new Float64Array(count);
    this.total = new Float64Array(count);
    this.self = new Float64Array(count);
    this.name = new Uint32Array(count);
    this.level = new Uint32Array(count);
    this.parent = new Int32Array(count).fill(-1);
    this.childStart = new Uint32Array(count);
    this.childEnd = new Uint32Array(count);
    this.pathHash = new Uint32Array(count);
    this.fillColumns(levels);
    for (let l = 1; l < this.levelCount; l++) this.linkLevel(l);
    this.fillPathHashes();
    this.grandTotal = count > 0 ? this.total[0] : 0;
    this.rounded = this.grandTotal > Number.MAX_SAFE_INTEGER;
  }

  private fillColumns(levels: NonNullable<FlameGraphReply["levels"]>): void {
    let node = 0;
    for (let l = 0; l < levels.length; l++) {
      this.levelStart[l] = node;
      const values = levels[l].values ?? [];
      let at = 0;
      for (let i = 0; i < values.length; i += 4, node++) {
        at += Number(values[i]);
        this.x[node] = at;
        this.total[node] = Number(values[i + 1]);
        this.self[node] = Number(values[i + 2]);
        const name = Number(values[i + 3]);
        if (!(name < this.names.length)) throw new Error(`flame graph names no function ${values[i + 3]}`);
        this.name[node] = name;
        this.level[node] = l;
        at += this.total[node];
      }
    }
    this.levelStart[levels.length] = node;
  }

  /** Both levels ascend by x, so one walk over the two finds every parent. */
  private linkLevel(l: number): void {
    const parentEnd = this.levelStart[l];
    let p = this.levelStart[l - 1];
    if (p === parentEnd) throw new Error(`flame graph level ${l} has no parents`);
    for (let node = this.levelStart[l]; node < this.levelStart[l + 1]; node++) {
      const at = this.x[node];
      while (p + 1 < parentEnd && this.x[p] + this.total[p] <= at && this.x[p + 1] <= at) p++;
      this.parent[node] = p;
      if (this.childEnd[p] === 0) this.childStart[p] = node;
      this.childEnd[p] = node + 1;
    }
  }

  private fillPathHashes(): void {
    const nameHashes = Uint32Array.from(this.names, hashOf);
    for (let node = 0; node < this.nodeCount; node++) {
      const above = this.parent[node] < 0 ? 0 : this.pathHash[this.parent[node]];
      const rotated = (above << 5) | (above >>> 27);
      this.pathHash[node] = Math.imul(rotated ^ nameHashes[this.name[node]], FNV_PRIME) >>> 0;
    }
  }

  nameOf(node: number): string {
    return this.names[this.name[node]];
  }

  /** The first node of the level that ends after `value`; the end of the level when there is none. */
  firstEndingAfter(level: number, value: number): number {
    let low = this.levelStart[level];
    let high = this.levelStart[level + 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.x[middle] + this.total[middle] > value) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Names the node by the functions above it, so that it is found again in newer data. */
  pathId(node: number): string {
    return node <= 0 ? "" : `${this.level[node]}.${this.pathHash[node].toString(36)}`;
  }

  findPath(id: string): number {
    const parts = /^(\d{1,6})\.([0-9a-z]{1,7})$/.exec(id);
    if (!parts) return -1;
    const level = Number(parts[1]);
    const hash = Number.parseInt(parts[2], 36);
    if (level >= this.levelCount) return -1;
    for (let node = this.levelStart[level]; node < this.levelStart[level + 1]; node++) {
      if (this.pathHash[node] === hash) return node;
    }
    return -1;
  }

  /** From the root to the node, both included. */
  ancestors(node: number): number[] {
    const path: number[] = [];
    for (let n = node; n >= 0; n = this.parent[n]) path.push(n);
    return path.reverse();
  }
}
