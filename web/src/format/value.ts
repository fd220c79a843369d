// Numbers with units, for people. Exact values stay available as titles; these are three significant digits.

function significant(value: number): string {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** Picks the largest step that leaves at least 1 in front of the point. */
function scaled(value: number, steps: readonly (readonly [number, string])[]): string {
  const size = Math.abs(value);
  for (const [factor, name] of steps) {
    if (size >= factor) return `${significant(value / factor)} ${name}`;
  }
  const [factor, name] = steps[steps.length - 1];
  return `${significant(value / factor)} ${name}`;
}

const TIME_STEPS = [
  [86_400e9, "d"],
  [3_600e9, "h"],
  [60e9, "min"],
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "µs"],
  [1, "ns"],
] as const;

const BYTE_STEPS = [
  [2 ** 50, "PiB"],
  [2 ** 40, "TiB"],
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
  [1, "B"],
] as const;

const NANOSECONDS_OF: Record<string, number> = {
  nanoseconds: 1,
  microseconds: 1e3,
  milliseconds: 1e6,
  seconds: 1e9,
};

export function formatCount(value: number): string {
  if (Math.abs(value) < 100_000) {
    const text = Number.isInteger(value) ? String(value) : significant(value);
    return text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  }
  return scaled(value, [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ]);
}

/** unit is the sample unit of a profile type; an unknown unit is shown as it is. */
export function formatValue(value: number, unit: string): string {
  if (value === 0) return "0";
  const nanoseconds = NANOSECONDS_OF[unit];
  if (nanoseconds !== undefined) return scaled(value * nanoseconds, TIME_STEPS);
  if (unit === "bytes") return scaled(value, BYTE_STEPS);
  const count = formatCount(value);
  return unit === "" || unit === "count" ? count : `${count} ${unit}`;
}

/** The value as the server sent it, for titles: nothing rounded. */
export function exactValue(value: number, unit: string): string {
  return `${value.toFixed(Number.isInteger(value) ? 0 : 3).replace(/\B(?=(\d{3})+(?!\d))/g, ",")} ${unit}`.trim();
}

export function formatPercent(part: number, whole: number): string {
  if (whole <= 0) return "0 %";
  const percent = (part / whole) * 100;
  if (percent === 0) return "0 %";
  if (percent < 0.01) return "<0.01 %";
  return `${percent.toFixed(percent >= 99.95 ? 0 : percent >= 10 ? 1 : 2)} %`;
}

export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${significant(ms / 1000)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}
