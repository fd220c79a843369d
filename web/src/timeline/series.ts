// From SelectSeries answers to the aligned columns that the chart draws: a bar per step, stacked by group.

export interface SeriesReply {
  labels?: { name: string; value: string }[];
  points?: { value?: number; timestamp: string | number }[];
}

export interface TimelineGroup {
  /** Value of the group label; undefined for the only group without one, and for the rest. */
  value: string | undefined;
  kind: "all" | "value" | "rest";
  total: number;
  /** One per grid time; 0 where the server sent nothing. */
  points: Float64Array;
}

export interface TimelineData {
  /** Right edges of the steps, ms. */
  times: number[];
  stepMs: number;
  groups: TimelineGroup[];
}

const STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].map((s) => s * 1e3);

/** The step for about `target` bars. Not below 10 s unless the range is short: profiles are seldom denser. */
export function stepFor(rangeMs: number, target = 180): number {
  const least = rangeMs >= 300_000 ? 10_000 : 1_000;
  const wanted = Math.max(rangeMs / target, least);
  return STEPS_MS.find((step) => step >= wanted) ?? STEPS_MS[STEPS_MS.length - 1];
}

/** The range moved onto multiples of the step, so that bars keep their place while time goes on. Never longer than
 *  the range when that is a multiple of the step. */
export function alignRange(start: number, end: number, stepMs: number): { start: number; end: number } {
  return { start: Math.ceil(start / stepMs) * stepMs, end: Math.ceil(end / stepMs) * stepMs };
}

function column(reply: SeriesReply | undefined, times: number[], stepMs: number): Float64Array {
  const points = new Float64Array(times.length);
  for (const point of reply?.points ?? []) {
    const index = Math.round((Number(point.timestamp) - times[0]) / stepMs);
    if (index >= 0 && index < points.length) points[index] += Number(point.value ?? 0);
  }
  return points;
}

function sum(points: Float64Array): number {
  let total = 0;
  for (const value of points) total += value;
  return total;
}

/** grouped is empty without a group label; with one it holds the top groups, and what is left becomes "other". */
export function buildTimeline(
  range: { start: number; end: number },
  stepMs: number,
  all: SeriesReply[],
  grouped: SeriesReply[] | undefined,
  groupBy: string,
): TimelineData {
  const times: number[] = [];
  for (let t = range.start; t <= range.end; t += stepMs) times.push(t);
  const whole = column(all[0], times, stepMs);
  if (!grouped) return { times, stepMs, groups: [{ value: undefined, kind: "all", total: sum(whole), points: whole }] };

  const groups: TimelineGroup[] = grouped.map((reply) => {
    const points = column(reply, times, stepMs);
    const value = reply.labels?.find((label) => label.name === groupBy)?.value ?? "";
    return { value, kind: "value", total: sum(points), points };
  });
  const rest = whole.map((value, i) => Math.max(0, value - groups.reduce((used, g) => used + g.points[i], 0)));
  const restTotal = sum(rest);
  // Sums of doubles differ in the last digits; a rest below that is none.
  if (restTotal > sum(whole) * 1e-9) groups.push({ value: undefined, kind: "rest", total: restTotal, points: rest });
  return { times, stepMs, groups };
}

/** Running sums from the first group up, for stacked bars: the last one is the height of the whole bar. */
export function stack(groups: readonly TimelineGroup[]): Float64Array[] {
  const stacked: Float64Array[] = [];
  for (const group of groups) {
    const below = stacked[stacked.length - 1];
    stacked.push(below ? group.points.map((value, i) => value + below[i]) : group.points);
  }
  return stacked;
}
