// Colours of the timeline's groups, in order of weight; told apart by lightness as well as by hue.

const LIGHT = ["#2f6fb3", "#d9822b", "#3f9b6b", "#b34a8c", "#8a6fd1", "#c2a01e", "#2ba3ad", "#c4513f", "#6b8e23", "#7a5c46"];
const DARK = ["#5b9bdc", "#e09a4f", "#5cbd8b", "#d873b2", "#a993ec", "#dcc04a", "#4fc3cc", "#e47a68", "#9fc14d", "#b0917a"];

export function groupColor(index: number, rest: boolean, dark: boolean): string {
  if (rest) return dark ? "#59606a" : "#b9bec5";
  const colors = dark ? DARK : LIGHT;
  return colors[index % colors.length];
}
