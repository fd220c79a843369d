// The flame graph on the page: owns the canvas, the scroll window, animation and pointer input, and reports what the
// user did. It knows nothing of Preact or of the address. Runs on the page's thread; one instance per canvas.
//
// The canvas is as large as its window and sticks to it; a spacer gives the scroll bar its length. So a stack of 5000
// frames never makes a canvas larger than browsers allow.

import type { FlameModel } from "./model.ts";
import { LIGHT, type Palette, barColors } from "./palette.ts";
import { ROW_HEIGHT, Renderer, type Scene, barColor, levelAt, rowTop } from "./renderer.ts";
import type { Matches } from "./search.ts";
import { type Viewport, clampViewport, panBy, tween, zoomAt } from "./viewport.ts";

const ANIMATION_MS = 160;
const CLICK_SLOP_PX = 4;

/** What is under the pointer: a node, or several too narrow to tell apart. */
export interface Hit {
  node: number;
  count: number;
  weight: number;
  clientX: number;
  clientY: number;
}

export interface FlameViewEvents {
  onFocus(node: number): void;
  onHover(hit: Hit | undefined): void;
  onMenu(hit: Hit): void;
  onZoomChange(zoomed: boolean): void;
}

export class FlameView {
  /** Cost of the last draw, and how many there were: for tests and for the curious. */
  lastDrawMs = 0;
  drawCount = 0;
  private readonly renderer: Renderer;
  private readonly context: CanvasRenderingContext2D;
  private readonly resize: ResizeObserver;
  private readonly abort = new AbortController();
  private scene: Scene | undefined;
  private frame = 0;
  private animation: { from: Viewport; to: Viewport; began: number } | undefined;
  private drag: { x: number; y: number; scrollTop: number; view: Viewport; moved: boolean } | undefined;
  private palette: Palette = LIGHT;

  constructor(
    private readonly scroller: HTMLElement,
    private readonly canvas: HTMLCanvasElement,
    private readonly spacer: HTMLElement,
    private readonly events: FlameViewEvents,
  ) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser has no 2d canvas");
    this.context = context;
    this.renderer = new Renderer(context);
    this.resize = new ResizeObserver(() => this.layout());
    this.resize.observe(scroller);
    this.listen();
  }

  destroy(): void {
    this.abort.abort();
    this.resize.disconnect();
    cancelAnimationFrame(this.frame);
  }

  setModel(model: FlameModel, focus: number, icicle: boolean): void {
    const old = this.scene;
    const turned = !old || old.icicle !== icicle;
    this.animation = undefined;
    if (old?.model !== model) this.renderer.reset();
    this.scene = {
      model,
      view: focusViewport(model, focus),
      width: 1,
      height: 1,
      scrollTop: 0,
      contentHeight: 1,
      icicle,
      focus,
      cursor: -1,
      hover: -1,
      matches: undefined,
      palette: this.palette,
      colors: old?.model === model ? old.colors : barColors(model.names),
    };
    this.layout();
    if (turned) this.scroller.scrollTop = icicle ? 0 : this.scene.contentHeight;
    this.reveal(focus);
    this.events.onHover(undefined);
    this.events.onZoomChange(false);
  }

  setFocus(node: number): void {
    const scene = this.scene;
    if (!scene) return;
    scene.focus = node;
    this.moveTo(focusViewport(scene.model, node));
    this.reveal(node);
    this.events.onZoomChange(false);
  }

  setMatches(matches: Matches | undefined): void {
    if (!this.scene) return;
    this.scene.matches = matches;
    this.invalidate();
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    if (this.scene) this.scene.palette = palette;
    this.invalidate();
  }

  /** Moves the keyboard cursor and brings it into view, sideways too. */
  setCursor(node: number): void {
    const scene = this.scene;
    if (!scene || scene.cursor === node) return;
    scene.cursor = node;
    if (node >= 0) {
      this.reveal(node);
      const { model } = scene;
      const target = this.animation?.to ?? scene.view;
      const [left, right] = [model.x[node], model.x[node] + model.total[node]];
      if (right <= target.from || left >= target.to) {
        const width = target.to - target.from;
        const from = (left + right - width) / 2;
        this.moveTo(clampViewport({ from, to: from + width }, model.grandTotal));
        this.events.onZoomChange(true);
      }
    }
    this.invalidate();
  }

  /** factor > 1 zooms in around the middle; 0 goes back to the focus. */
  zoom(factor: number): void {
    const scene = this.scene;
    if (!scene) return;
    if (factor === 0) this.setFocus(scene.focus);
    else this.zoomTo(zoomAt(this.animation?.to ?? scene.view, scene.model.grandTotal, 0.5, factor), true);
  }

  /** Where a node is drawn, in CSS pixels of the canvas, and in which colour. For tests. */
  boxOf(node: number): { left: number; right: number; top: number; bottom: number; fill: string } | undefined {
    const scene = this.scene;
    if (!scene || node < 0 || node >= scene.model.nodeCount) return undefined;
    const scale = scene.width / (scene.view.to - scene.view.from);
    const left = (scene.model.x[node] - scene.view.from) * scale;
    const top = rowTop(scene, scene.model.level[node]);
    const fill = barColor(scene, node).fill;
    return { left, right: left + scene.model.total[node] * scale, top, bottom: top + ROW_HEIGHT - 1, fill };
  }

  get model(): FlameModel | undefined {
    return this.scene?.model;
  }

  private layout(): void {
    const scene = this.scene;
    const width = Math.max(this.scroller.clientWidth, 1);
    const height = Math.max(this.scroller.clientHeight, 1);
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (!scene) return;
    const atBottom = !scene.icicle && scene.scrollTop + scene.height >= scene.contentHeight - 1;
    scene.width = width;
    scene.height = height;
    scene.contentHeight = Math.max(scene.model.levelCount * ROW_HEIGHT + 4, height);
    this.spacer.style.height = `${scene.contentHeight - height}px`;
    if (atBottom) this.scroller.scrollTop = scene.contentHeight;
    // Drawn at once: a canvas that changed its size is empty until then.
    this.paint();
  }

  private invalidate(): void {
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.paint());
  }

  private paint(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const scene = this.scene;
    if (!scene) return;
    const began = performance.now();
    if (this.animation) {
      const progress = Math.min((began - this.animation.began) / ANIMATION_MS, 1);
      scene.view = tween(this.animation.from, this.animation.to, progress);
      if (progress >= 1) this.animation = undefined;
    }
    scene.scrollTop = this.scroller.scrollTop;
    if (scene.model.nodeCount > 0 && scene.view.to > scene.view.from) this.renderer.draw(scene);
    else this.context.clearRect(0, 0, scene.width, scene.height);
    this.lastDrawMs = performance.now() - began;
    this.drawCount++;
    if (this.animation) this.invalidate();
  }

  private moveTo(view: Viewport): void {
    const scene = this.scene;
    if (!scene) return;
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (still) scene.view = view;
    this.animation = still ? undefined : { from: scene.view, to: view, began: performance.now() };
    this.invalidate();
  }

  private zoomTo(view: Viewport, animated: boolean): void {
    const scene = this.scene;
    if (!scene) return;
    if (animated) this.moveTo(view);
    else {
      this.animation = undefined;
      scene.view = view;
      this.invalidate();
    }
    const home = focusViewport(scene.model, scene.focus);
    const width = home.to - home.from;
    const moved = Math.abs(view.from - home.from) + Math.abs(view.to - home.to);
    this.events.onZoomChange(moved > width * 1e-6);
  }

  /** Scrolls just enough for the row of the node to be visible, with two rows around it. */
  private reveal(node: number): void {
    const scene = this.scene;
    if (!scene || node < 0 || node >= scene.model.nodeCount) return;
    const top = rowTop({ ...scene, scrollTop: 0 }, scene.model.level[node]);
    const margin = 2 * ROW_HEIGHT;
    const current = this.scroller.scrollTop;
    if (top - margin < current) this.scroller.scrollTop = top - margin;
    else if (top + ROW_HEIGHT + margin > current + scene.height) {
      this.scroller.scrollTop = top + ROW_HEIGHT + margin - scene.height;
    }
    this.invalidate();
  }

  private hitAt(event: MouseEvent): Hit | undefined {
    const scene = this.scene;
    if (!scene || scene.model.nodeCount === 0) return undefined;
    const box = this.canvas.getBoundingClientRect();
    const level = levelAt(scene, event.clientY - box.top);
    if (level < 0 || level >= scene.model.levelCount) return undefined;
    const { model, view } = scene;
    const pixel = (view.to - view.from) / scene.width;
    const at = view.from + (event.clientX - box.left) * pixel;
    const end = model.levelStart[level + 1];
    const node = model.firstEndingAfter(level, at - pixel / 2);
    if (node >= end || model.x[node] > at + pixel / 2) return undefined;
    const where = { clientX: event.clientX, clientY: event.clientY };
    if (model.total[node] >= pixel) return { node, count: 1, weight: model.total[node], ...where };
    // Narrower than a pixel: everything that shares the pixel, named by its heaviest.
    let heaviest = node;
    let weight = 0;
    let count = 0;
    for (let n = node; n < end && model.x[n] < at + pixel / 2 && model.total[n] < pixel; n++, count++) {
      weight += model.total[n];
      if (model.total[n] > model.total[heaviest]) heaviest = n;
    }
    return { node: heaviest, count: Math.max(count, 1), weight: count > 0 ? weight : model.total[node], ...where };
  }

  private listen(): void {
    const { signal } = this.abort;
    const on = <K extends keyof HTMLElementEventMap>(
      type: K,
      run: (event: HTMLElementEventMap[K]) => void,
      passive = true,
    ) => this.canvas.addEventListener(type, run, { signal, passive });
    this.scroller.addEventListener("scroll", () => this.invalidate(), { signal, passive: true });
    on("wheel", (event) => this.onWheel(event), false);
    on("pointerdown", (event) => this.onDown(event));
    on("pointermove", (event) => this.onMove(event));
    on("pointerup", (event) => this.onUp(event));
    on("pointercancel", () => (this.drag = undefined));
    on("pointerleave", () => !this.drag && this.hover(undefined));
    on("contextmenu", (event) => {
      const hit = this.hitAt(event);
      if (!hit) return;
      event.preventDefault();
      this.hover(undefined);
      this.events.onMenu(hit);
    }, false);
  }

  private hover(hit: Hit | undefined): void {
    const scene = this.scene;
    if (!scene) return;
    const node = hit?.node ?? -1;
    if (scene.hover !== node) {
      scene.hover = node;
      this.invalidate();
    }
    this.canvas.style.cursor = hit ? "pointer" : "default";
    this.events.onHover(hit);
  }

  private onWheel(event: WheelEvent): void {
    const scene = this.scene;
    if (!scene) return;
    const whole = scene.model.grandTotal;
    const box = this.canvas.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const factor = Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 150);
      this.zoomTo(zoomAt(scene.view, whole, (event.clientX - box.left) / scene.width, factor), false);
    } else {
      const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
      if (sideways === 0 || (!event.shiftKey && Math.abs(event.deltaY) > Math.abs(sideways))) return;
      event.preventDefault();
      this.zoomTo(panBy(scene.view, whole, sideways / scene.width), false);
    }
    this.hover(this.hitAt(event));
  }

  private onDown(event: PointerEvent): void {
    if (event.button !== 0 || !this.scene) return;
    const { clientX: x, clientY: y } = event;
    this.drag = { x, y, scrollTop: this.scroller.scrollTop, view: this.scene.view, moved: false };
  }

  private onMove(event: PointerEvent): void {
    const { drag, scene } = this;
    if (!scene) return;
    if (!drag || event.pointerType === "touch") return this.hover(this.hitAt(event));
    const dx = event.clientX - drag.x;
    const dy = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < CLICK_SLOP_PX) return;
    if (!drag.moved) {
      drag.moved = true;
      this.canvas.setPointerCapture(event.pointerId);
      this.hover(undefined);
    }
    this.canvas.style.cursor = "grabbing";
    this.scroller.scrollTop = drag.scrollTop - dy;
    this.zoomTo(panBy(drag.view, scene.model.grandTotal, -dx / scene.width), false);
  }

  private onUp(event: PointerEvent): void {
    const { drag } = this;
    this.drag = undefined;
    if (!drag || drag.moved) return;
    const hit = this.hitAt(event);
    if (hit) this.events.onFocus(hit.node);
  }
}

function focusViewport(model: FlameModel, node: number): Viewport {
  if (node <= 0 || node >= model.nodeCount) return { from: 0, to: model.grandTotal };
  return clampViewport({ from: model.x[node], to: model.x[node] + model.total[node] }, model.grandTotal);
}
