// Time expressions of the address bar and the time picker: `now`, `now-1h30m`, unix time by its digit count, ISO text.

const UNIT_MS: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3, w: 604_800e3 };

export const PRESETS: readonly (readonly [string, string])[] = [
  ["now-5m", "Last 5 minutes"],
  ["now-15m", "Last 15 minutes"],
  ["now-30m", "Last 30 minutes"],
  ["now-1h", "Last hour"],
  ["now-3h", "Last 3 hours"],
  ["now-6h", "Last 6 hours"],
  ["now-12h", "Last 12 hours"],
  ["now-24h", "Last 24 hours"],
];

export interface ResolvedRange {
  start: number;
  end: number;
}

export function isRelative(text: string): boolean {
  return text.trim().startsWith("now");
}

/** Milliseconds since the epoch, or undefined when the text is not a time. */
export function parseTime(text: string, now: number): number | undefined {
  const trimmed = text.trim();
  const relative = /^now(?:([+-])((?:\d+(?:ms|[smhdw]))+))?$/.exec(trimmed);
  if (relative) {
    let offset = 0;
    for (const [, amount, unit] of (relative[2] ?? "").matchAll(/(\d+)(ms|[smhdw])/g)) {
      offset += Number(amount) * UNIT_MS[unit];
    }
    return relative[1] === "-" ? now - offset : now + offset;
  }
  if (/^\d+$/.test(trimmed)) {
    const value = Number(trimmed);
    if (trimmed.length <= 10) return value * 1000;
    if (trimmed.length <= 13) return value;
    if (trimmed.length <= 16) return Math.round(value / 1e3);
    return Math.round(value / 1e6);
  }
  if (!/^\d{4}-\d{2}-\d{2}/.test(trimmed)) return undefined;
  const parsed = Date.parse(trimmed.replace(/^(\d{4}-\d{2}-\d{2}) (?=\d)/, "$1T"));
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** The range in ms, or the sentence that says what is wrong with it. */
export function resolveRange(from: string, until: string, now: number): ResolvedRange | string {
  const start = parseTime(from, now);
  const end = parseTime(until, now);
  if (start === undefined) return `"${from}" is not a time. Examples: now-1h, 2026-01-31 14:05, 1767225600000.`;
  if (end === undefined) return `"${until}" is not a time. Examples: now, 2026-01-31 15:05, 1767229200000.`;
  if (start >= end) return "The range ends before it starts.";
  return { start: Math.floor(start), end: Math.ceil(end) };
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

/** Local time, precise to the second, in the form that parseTime reads back. */
export function formatTime(ms: number): string {
  const d = new Date(ms);
  const day = `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
  return `${day} ${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

/** Labels of a time axis: as short as the distance between them allows, with the date where a day begins. */
export function axisLabels(times: readonly number[], distanceMs: number): string[] {
  return times.map((ms, i) => {
    const [day, clock] = formatTime(ms).split(" ");
    if (distanceMs >= 86_400_000) return day.slice(5);
    const text = distanceMs < 60_000 ? clock : clock.slice(0, 5);
    const newDay = i > 0 && formatTime(times[i - 1]).slice(0, 10) !== day;
    return newDay ? `${day.slice(5)} ${text}` : text;
  });
}

export function rangeLabel(from: string, until: string, now: number): string {
  const preset = PRESETS.find(([value]) => value === from.trim());
  if (preset && until.trim() === "now") return preset[1];
  if (isRelative(from) && isRelative(until)) return `${from} to ${until}`;
  const start = parseTime(from, now);
  const end = parseTime(until, now);
  if (start === undefined || end === undefined) return `${from} to ${until}`;
  const [a, b] = [formatTime(start), formatTime(end)];
  return a.slice(0, 10) === b.slice(0, 10) ? `${a} – ${b.slice(11)}` : `${a} – ${b}`;
}

/** Twice the range around its middle, not past now; what a double click on the timeline does. */
export function zoomOut(range: ResolvedRange, now: number): ResolvedRange {
  const span = range.end - range.start;
  const end = Math.min(range.end + span / 2, Math.max(now, range.end));
  return { start: Math.round(end - 2 * span), end: Math.round(end) };
}

/** The same length, one length earlier (-1) or later (+1). */
export function shiftRange(range: ResolvedRange, direction: -1 | 1): ResolvedRange {
  const span = range.end - range.start;
  return { start: range.start + direction * span, end: range.end + direction * span };
}
