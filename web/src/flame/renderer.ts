// Draws a flame graph into a canvas of the size of its window.
//
// 1. Only rows inside the window are visited.
// 2. In a row, a binary search finds the first node that ends after the left edge; the walk stops at the right edge.
// 3. A node at least a pixel wide becomes a bar, with text when there is room.
// 4. Narrower nodes are drawn as one grey run: a binary search skips all that end within the same pixel. A row thus
//    costs at most one step per pixel (times the search), whatever the size of the graph.

import { displayName, shortName } from "../format/display_name.ts";
import type { FlameModel } from "./model.ts";
import type { Palette } from "./palette.ts";
import type { Matches } from "./search.ts";
import type { Viewport } from "./viewport.ts";

export const ROW_HEIGHT = 19;
export const FONT = '11px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace';

export interface Scene {
  model: FlameModel;
  view: Viewport;
  width: number;
  height: number;
  scrollTop: number;
  contentHeight: number;
  icicle: boolean;
  /** Focused node; 0 is the root. Its ancestors are faded. */
  focus: number;
  /** Keyboard cursor and node under the pointer; -1 is none. */
  cursor: number;
  hover: number;
  matches: Matches | undefined;
  palette: Palette;
  colors: Uint8Array;
}

/** Y of a level within the canvas. */
export function rowTop(scene: Scene, level: number): number {
  const y = scene.icicle ? level * ROW_HEIGHT : scene.contentHeight - (level + 1) * ROW_HEIGHT;
  return y - scene.scrollTop;
}

/** Level at a y of the canvas; may be outside of the graph. */
export function levelAt(scene: Scene, y: number): number {
  const content = y + scene.scrollTop;
  return Math.floor((scene.icicle ? content : scene.contentHeight - content) / ROW_HEIGHT);
}

export function barColor(scene: Scene, node: number): { fill: string; text: string } {
  const { model, palette, matches } = scene;
  const name = model.name[node];
  if (matches?.names[name] === 1) return { fill: palette.match, text: palette.matchText };
  if (matches || model.level[node] < model.level[scene.focus]) return { fill: palette.dim, text: palette.dimText };
  if (node === 0) return { fill: palette.root, text: palette.barText };
  return { fill: palette.bars[scene.colors[name]], text: palette.barText };
}

export class Renderer {
  private charWidth = 0;
  private readonly labels = new Map<number, string>();

  constructor(private readonly context: CanvasRenderingContext2D) {}

  /** Forget cached labels: the names belong to one model. */
  reset(): void {
    this.labels.clear();
  }

  draw(scene: Scene): void {
    const { context: c } = this;
    c.font = FONT;
    c.textBaseline = "middle";
    c.direction = "ltr";
    if (this.charWidth === 0) this.charWidth = c.measureText("0000000000").width / 10;
    c.clearRect(0, 0, scene.width, scene.height);
    const a = levelAt(scene, 0);
    const b = levelAt(scene, scene.height - 1);
    const first = Math.max(0, Math.min(a, b));
    const last = Math.min(scene.model.levelCount - 1, Math.max(a, b));
    for (let level = first; level <= last; level++) this.drawRow(scene, level);
    this.outline(scene, scene.hover, 1);
    this.outline(scene, scene.cursor, 2);
  }

  private drawRow(scene: Scene, level: number): void {
    const { model, view, width } = scene;
    const { x, total } = model;
    const scale = width / (view.to - view.from);
    const pixel = 1 / scale;
    const y = rowTop(scene, level);
    const end = model.levelStart[level + 1];
    let node = model.firstEndingAfter(level, view.from);
    // The run being collected: its edges in pixels and its nodes.
    let runLeft = -1;
    let runRight = -1;
    let runFirst = 0;
    const flush = (next: number) => {
      if (runLeft >= 0) this.drawRun(scene, runLeft, runRight, y, runFirst, next);
      runLeft = -1;
    };
    while (node < end && x[node] < view.to) {
      const left = (x[node] - view.from) * scale;
      const right = left + total[node] * scale;
      if (right - left >= 1) {
        flush(node);
        this.drawBar(scene, node, Math.max(left, 0), Math.min(right, width), y);
        node++;
        continue;
      }
      let next = model.firstEndingAfter(level, x[node] + pixel);
      if (next <= node) next = node + 1;
      const lastRight = (x[next - 1] + total[next - 1] - view.from) * scale;
      if (runLeft >= 0 && left - runRight > 1) flush(node);
      if (runLeft < 0) {
        runLeft = left;
        runFirst = node;
      }
      runRight = Math.max(lastRight, left + 0.5);
      node = next;
    }
    flush(node);
  }

  private drawRun(scene: Scene, left: number, right: number, y: number, first: number, next: number): void {
    const matches = scene.matches;
    const hit = matches !== undefined && matches.prefix[next] > matches.prefix[first];
    this.context.fillStyle = hit ? scene.palette.match : matches ? scene.palette.dim : scene.palette.run;
    this.context.fillRect(left, y, Math.max(right - left, 1), ROW_HEIGHT - 1);
  }

  private drawBar(scene: Scene, node: number, left: number, right: number, y: number): void {
    const c = this.context;
    const { fill, text } = barColor(scene, node);
    const width = right - left;
    c.fillStyle = fill;
    c.fillRect(left, y, width > 3 ? width - 1 : width, ROW_HEIGHT - 1);
    const room = Math.floor((width - 7) / this.charWidth);
    if (room < 3) return;
    const label = this.label(scene.model, node, room);
    c.fillStyle = text;
    // Letters outside of Latin may be wider than the measured digit; they are squeezed rather than spilled.
    c.fillText(label, left + 3, y + ROW_HEIGHT / 2, width - 7);
  }

  private label(model: FlameModel, node: number, room: number): string {
    const name = model.name[node];
    let full = this.labels.get(name);
    if (full === undefined) {
      full = displayName(model.names[name]);
      this.labels.set(name, full);
    }
    if (full.length <= room) return full;
    const short = shortName(full);
    return short.length <= room ? short : `${short.slice(0, room - 1)}…`;
  }

  private outline(scene: Scene, node: number, thickness: number): void {
    const { model, view, width, height } = scene;
    if (node < 0 || node >= model.nodeCount) return;
    const y = rowTop(scene, model.level[node]);
    if (y < -ROW_HEIGHT || y > height) return;
    const scale = width / (view.to - view.from);
    const left = Math.max((model.x[node] - view.from) * scale, 0);
    const right = Math.min((model.x[node] + model.total[node] - view.from) * scale, width);
    if (right < 0 || left > width) return;
    const c = this.context;
    c.strokeStyle = thickness > 1 ? scene.palette.outline : scene.palette.barText;
    c.lineWidth = thickness;
    const inset = thickness / 2;
    c.strokeRect(left + inset, y + inset, Math.max(right - left - 1 - thickness, 1), ROW_HEIGHT - 1 - thickness);
  }
}
