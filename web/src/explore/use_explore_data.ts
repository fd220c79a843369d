// All data of the explore page: which range is meant now, what services exist, the graph and the timeline.

import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { type CatalogEntry, fetchCatalog, fetchLabelNames, fetchLabelValues } from "../api/querier.ts";
import { parseSelector } from "../state/selector.ts";
import { type ResolvedRange, isRelative, resolveRange } from "../state/time.ts";
import type { ExploreState } from "../state/url_state.ts";
import { type Query, useQuery } from "../state/use_query.ts";
import { type GraphData, type TimelineResult, loadGraph, loadTimeline } from "./queries.ts";
import type { Suggester } from "./selector_input.tsx";

const DAY_MS = 86_400_000;
const EMPTY_POLL_MS = 5_000;
const REFRESH_MS: Record<ExploreState["refresh"], number> = { off: 0, "10s": 10_000, "30s": 30_000, "1m": 60_000 };

export interface ExploreData {
  /** The sentence on what is wrong with the range, or the range. */
  range: ResolvedRange | string;
  catalog: Query<CatalogEntry[]>;
  graph: Query<GraphData>;
  timeline: Query<TimelineResult>;
  suggester: Suggester;
  /** Nothing arrived within a day. */
  emptyServer: boolean;
  /** The range holds no service, but the last day does. */
  emptyRange: boolean;
  /** The query is large and unbounded; it waits for confirmRun. */
  needsConfirm: boolean;
  confirmRun(): void;
  refresh(): void;
}

function mentionsService(selector: string): boolean {
  return parseSelector(selector).matchers.some((m) => m.name === "service_name" || m.name === "__service_name__");
}

export function useExploreData(state: ExploreState): ExploreData {
  const { tenant, type, selector, from, until, maxNodes, groupBy, topN } = state;
  const [tick, setTick] = useState(0);
  const refresh = useCallback(() => setTick((n) => n + 1), []);
  // "now" is read once per refresh, so that all panels of one moment ask for the same range.
  const range = useMemo(() => resolveRange(from, until, Date.now()), [from, until, tick]);
  const [start, end] = typeof range === "string" ? [0, 0] : [range.start, range.end];
  const valid = end > 0;

  const catalog = useQuery(valid ? JSON.stringify([tenant, start, end, tick]) : "", (signal) =>
    fetchCatalog({ start, end }, { tenant, signal }),
  );
  const nothingInRange = catalog.data?.length === 0 && !catalog.error;
  const lastDay = useQuery(nothingInRange ? JSON.stringify([tenant, tick]) : "", (signal) => {
    const now = Date.now();
    return fetchCatalog({ start: now - DAY_MS, end: now }, { tenant, signal });
  });
  const emptyServer = nothingInRange && lastDay.data?.length === 0 && !lastDay.error;

  const emptyRange = nothingInRange && (lastDay.data?.length ?? 0) > 0;

  const [confirmed, setConfirmed] = useState("");
  const unbounded = JSON.stringify([type, selector, from, until]);
  const needsConfirm = valid && end - start > DAY_MS && !mentionsService(selector) && confirmed !== unbounded;
  const ready = valid && type !== "" && selector !== "" && !needsConfirm && !emptyServer;
  const query = { profileTypeID: type, labelSelector: selector, start, end };
  const graph = useQuery(ready ? JSON.stringify([tenant, query, maxNodes, tick]) : "", (signal) =>
    loadGraph(query, maxNodes, { tenant, signal }),
  );
  const timeline = useQuery(ready ? JSON.stringify([tenant, query, groupBy, groupBy && topN, tick]) : "", (signal) =>
    loadTimeline(query, groupBy, topN, { tenant, signal }),
  );

  useEffect(() => {
    const every = emptyServer ? EMPTY_POLL_MS : isRelative(until) ? REFRESH_MS[state.refresh] : 0;
    if (every === 0) return;
    const timer = setInterval(() => document.hidden || refresh(), every);
    return () => clearInterval(timer);
  }, [emptyServer, until, state.refresh, refresh]);

  const suggester = useMemo<Suggester>(() => {
    const service = parseSelector(selector).matchers.find((m) => m.name === "service_name" && m.op === "=");
    const matchers = service ? [`{${selector.slice(service.start, service.end)}}`] : [];
    const within = { start, end };
    return {
      names: (signal) => fetchLabelNames(within, matchers, { tenant, signal }),
      values: (label, signal) =>
        fetchLabelValues(within, label, label === "service_name" ? [] : matchers, { tenant, signal }),
    };
  }, [tenant, selector, start, end]);

  return {
    range,
    catalog,
    graph,
    timeline,
    suggester,
    emptyServer,
    emptyRange,
    needsConfirm,
    confirmRun: () => setConfirmed(unbounded),
    refresh,
  };
}
