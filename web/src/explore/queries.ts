// The questions of the explore page, each as one function from its parameters to what its panel shows.

import type { CallOptions } from "../api/client.ts";
import { type ProfileQuery, fetchFlameGraph, fetchSeries } from "../api/querier.ts";
import { type FunctionSums, sumFunctions, truncatedWeight } from "../flame/functions.ts";
import { FlameModel } from "../flame/model.ts";
import { parseProfileType } from "../format/profile_type.ts";
import { type TimelineData, alignRange, buildTimeline, stepFor } from "../timeline/series.ts";

export interface GraphData {
  query: ProfileQuery;
  model: FlameModel;
  sums: FunctionSums;
  unit: string;
  /** Weight that the server folded into `other`. */
  truncated: number;
  elapsedMs: number;
}

export async function loadGraph(query: ProfileQuery, maxNodes: number, options: CallOptions): Promise<GraphData> {
  const { reply, meta } = await fetchFlameGraph({ ...query, maxNodes }, options);
  const model = new FlameModel(reply);
  return {
    query,
    model,
    sums: sumFunctions(model),
    unit: parseProfileType(query.profileTypeID).sampleUnit,
    truncated: truncatedWeight(model),
    elapsedMs: meta.elapsedMs,
  };
}

export interface TimelineResult {
  timeline: TimelineData;
  unit: string;
  groupBy: string;
}

/** With a group label a second call brings the top groups; the rest of the whole becomes "other". */
export async function loadTimeline(
  query: ProfileQuery,
  groupBy: string,
  topN: number,
  options: CallOptions,
): Promise<TimelineResult> {
  const stepMs = stepFor(query.end - query.start);
  const range = alignRange(query.start, query.end, stepMs);
  const request = { ...query, ...range, step: stepMs / 1000 };
  const [all, grouped] = await Promise.all([
    fetchSeries({ ...request, groupBy: [] }, options),
    groupBy ? fetchSeries({ ...request, groupBy: [groupBy], limit: topN }, options) : undefined,
  ]);
  return {
    timeline: buildTimeline(range, stepMs, all, grouped, groupBy),
    unit: parseProfileType(query.profileTypeID).sampleUnit,
    groupBy,
  };
}
