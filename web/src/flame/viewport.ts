// The stretch of values that the canvas shows, and the moves over it. Pure arithmetic.

export interface Viewport {
  from: number;
  to: number;
}

/** Narrowest view, as a share of the whole: beyond this the arithmetic of doubles would show. */
const NARROWEST = 1e-9;

export function clampViewport(view: Viewport, whole: number): Viewport {
  const width = Math.min(Math.max(view.to - view.from, whole * NARROWEST), whole);
  const from = Math.min(Math.max(view.from, 0), whole - width);
  return { from, to: from + width };
}

/** factor > 1 zooms in; the value under `share` (0 left edge, 1 right edge) stays where it is. */
export function zoomAt(view: Viewport, whole: number, share: number, factor: number): Viewport {
  const width = view.to - view.from;
  const anchor = view.from + width * share;
  const next = Math.min(width / factor, whole);
  return clampViewport({ from: anchor - next * share, to: anchor + next * (1 - share) }, whole);
}

export function panBy(view: Viewport, whole: number, share: number): Viewport {
  const delta = (view.to - view.from) * share;
  return clampViewport({ from: view.from + delta, to: view.to + delta }, whole);
}

/** Between two views; eased, and in the logarithm of the width so that deep zooms look even. */
export function tween(a: Viewport, b: Viewport, progress: number): Viewport {
  const t = 1 - (1 - progress) ** 3;
  const widthA = a.to - a.from;
  const widthB = b.to - b.from;
  if (t >= 1 || widthA <= 0 || widthB <= 0) return b;
  const width = widthA * (widthB / widthA) ** t;
  const change = widthB - widthA;
  const share = Math.abs(change) < widthA * 1e-6 ? t : (width - widthA) / change;
  const from = a.from + (b.from - a.from) * share;
  return { from, to: from + width };
}
