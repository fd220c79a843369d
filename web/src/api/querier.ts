// The calls of querier.v1.QuerierService that the page makes, with the shapes of their JSON. int64 arrive as strings.

import { type CallOptions, type ReplyMeta, callJson, callProto } from "./client.ts";
import { encodeSelectMergeProfile } from "./protobuf.ts";
import type { FlameGraphReply } from "../flame/model.ts";
import type { SeriesReply } from "../timeline/series.ts";

export interface Range {
  start: number;
  end: number;
}

export interface ProfileQuery extends Range {
  profileTypeID: string;
  labelSelector: string;
}

/** One service and the profile types it sent. */
export interface CatalogEntry {
  service: string;
  types: string[];
}

interface LabelsSet {
  labels?: { name: string; value: string }[];
}

export async function fetchCatalog(range: Range, options: CallOptions): Promise<CatalogEntry[]> {
  const request = { matchers: [], labelNames: ["service_name", "__profile_type__"], ...range };
  const { value } = await callJson<{ labelsSet?: LabelsSet[] }>("Series", request, options);
  const types = new Map<string, Set<string>>();
  for (const set of value.labelsSet ?? []) {
    let service = "";
    let type = "";
    for (const label of set.labels ?? []) {
      if (label.name === "service_name") service = label.value;
      if (label.name === "__profile_type__") type = label.value;
    }
    if (!type) continue;
    const known = types.get(service) ?? new Set<string>();
    known.add(type);
    types.set(service, known);
  }
  return [...types]
    .map(([service, set]) => ({ service, types: [...set].sort() }))
    .sort((a, b) => (a.service < b.service ? -1 : 1));
}

export async function fetchFlameGraph(
  query: ProfileQuery & { maxNodes: number },
  options: CallOptions,
): Promise<{ reply: FlameGraphReply; meta: ReplyMeta }> {
  const { value, meta } = await callJson<{ flamegraph?: FlameGraphReply }>(
    "SelectMergeStacktraces",
    query,
    options,
  );
  return { reply: value.flamegraph ?? {}, meta };
}

export async function fetchSeries(
  query: ProfileQuery & { step: number; groupBy: string[]; limit?: number },
  options: CallOptions,
): Promise<SeriesReply[]> {
  const { value } = await callJson<{ series?: SeriesReply[] }>("SelectSeries", query, options);
  return value.series ?? [];
}

// Without this the server hides label names such as k8s.pod.name.
const ACCEPT_UTF8_NAMES = "application/json; allow-utf8-labelnames=true";

export async function fetchLabelNames(range: Range, matchers: string[], options: CallOptions): Promise<string[]> {
  const request = { matchers, ...range };
  const { value } = await callJson<{ names?: string[] }>("LabelNames", request, options, ACCEPT_UTF8_NAMES);
  return value.names ?? [];
}

export async function fetchLabelValues(
  range: Range,
  name: string,
  matchers: string[],
  options: CallOptions,
): Promise<string[]> {
  const { value } = await callJson<{ names?: string[] }>("LabelValues", { name, matchers, ...range }, options);
  return value.names ?? [];
}

export function fetchPprof(query: ProfileQuery, options: CallOptions): Promise<ArrayBuffer> {
  return callProto("SelectMergeProfile", encodeSelectMergeProfile(query), options);
}
