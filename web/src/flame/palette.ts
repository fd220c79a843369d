// Colours of the canvas. Each set keeps a contrast of at least 5:1 between its bars and their text; the style sheet
// has the same backgrounds. Hues follow packages only to tell neighbours apart, they carry no other meaning.

import { packageOf } from "../format/display_name.ts";

export interface Palette {
  bars: readonly string[];
  barText: string;
  /** Bars outside the focus, the search or the selection. */
  dim: string;
  dimText: string;
  root: string;
  /** Neighbours too narrow for bars of their own. */
  run: string;
  match: string;
  matchText: string;
  outline: string;
}

export const LIGHT: Palette = {
  bars: [
    "#f2b494", "#f1c590", "#f7afa8", "#dfce8d", "#a7d29e", "#98e0c0",
    "#7ed6d5", "#8fdaf8", "#9fc7fb", "#c7c7ff", "#d9b4ea", "#f9b7d6",
  ],
  barText: "#1a1c1f",
  dim: "#e9eaec",
  dimText: "#5c6066",
  root: "#d6d9dd",
  run: "#c3c7cc",
  match: "#b8329b",
  matchText: "#ffffff",
  outline: "#0b5fd0",
};

export const DARK: Palette = {
  bars: [
    "#7e482b", "#7e5823", "#81443f", "#70601f", "#3d6335", "#266f54",
    "#006667", "#186a85", "#365987", "#5c598f", "#6a4979", "#844b67",
  ],
  barText: "#f1f2f4",
  dim: "#26292e",
  dimText: "#a2a7ae",
  root: "#3a3e45",
  run: "#4a4f57",
  match: "#e26bc4",
  matchText: "#1a0715",
  outline: "#6cb0ff",
};

/** One index into Palette.bars per name. */
export function barColors(names: readonly string[]): Uint8Array {
  const colors = new Uint8Array(names.length);
  const known = new Map<string, number>();
  for (let i = 0; i < names.length; i++) {
    const scope = packageOf(names[i].length > 512 ? names[i].slice(0, 512) : names[i]);
    let color = known.get(scope);
    if (color === undefined) {
      let hash = 0;
      for (let c = 0; c < scope.length; c++) hash = (Math.imul(hash, 31) + scope.charCodeAt(c)) | 0;
      hash ^= hash >>> 15;
      color = (Math.imul(hash, 0x2c1b3c6d) >>> 16) % LIGHT.bars.length;
      known.set(scope, color);
    }
    colors[i] = color;
  }
  return colors;
}
