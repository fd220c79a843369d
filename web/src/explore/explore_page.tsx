// The explore page: the query strip, the timeline, the graph, and what ties them to the address bar.

import { useEffect, useRef, useState } from "preact/hooks";
import type { CatalogEntry } from "../api/querier.ts";
import { preferredType } from "../format/profile_type.ts";
import { ExportMenu } from "./export_menu.tsx";
import { addMatcher, equalTo, setEqual } from "../state/selector.ts";
import { readSetting, writeSetting } from "../state/storage.ts";
import { rangeLabel, shiftRange, zoomOut } from "../state/time.ts";
import type { useTheme } from "../state/theme.ts";
import { VIEWS } from "../state/url_state.ts";
import { useExploreState } from "../state/use_explore_state.ts";
import { HelpDialog } from "../ui/help_dialog.tsx";
import { PanelStatus } from "../ui/panel_status.tsx";
import { TenantDialog } from "../ui/tenant_dialog.tsx";
import { AskBeforeRun, EmptyRange, EmptyResult, EmptyServer } from "./empty_states.tsx";
import { GraphPanel } from "./graph_panel.tsx";
import { QueryStrip } from "./query_strip.tsx";
import { TimelinePanel } from "./timeline_panel.tsx";
import { TopBar } from "./top_bar.tsx";
import { useExploreData } from "./use_explore_data.ts";
import { useShortcuts } from "./use_shortcuts.ts";

const NOTICE_MS = 4_000;

/** The first service with CPU profiles, or the first at all. */
function openingEntry(catalog: CatalogEntry[]): CatalogEntry {
  return catalog.find((entry) => preferredType(entry.types).startsWith("process_cpu:")) ?? catalog[0];
}

export function ExplorePage({ theme }: { theme: ReturnType<typeof useTheme> }) {
  const [state, navigate] = useExploreState();
  const data = useExploreData(state);
  const { catalog, graph, timeline, range } = data;
  const [dialog, setDialog] = useState<"" | "help" | "tenant">("");
  const [notice, setNotice] = useState("");
  const [step, setStep] = useState<{ count: number; direction: -1 | 1 }>({ count: 0, direction: 1 });
  const [labelNames, setLabelNames] = useState<string[]>([]);
  const searchInput = useRef<HTMLInputElement>(null);

  // A tenant from an earlier visit belongs into the address, where it can be seen and shared.
  useEffect(() => {
    const saved = readSetting("tenant");
    if (!state.tenant && saved) navigate({ tenant: saved }, "replace");
  }, []);
  const refused = [catalog, graph, timeline].some((q) => q.error?.code === "unauthenticated");
  useEffect(() => {
    if (refused) setDialog("tenant");
  }, [refused]);

  // Fill in what the address left open. What it names is never overwritten.
  useEffect(() => {
    if (!catalog.data || catalog.data.length === 0 || (state.type && state.selector)) return;
    const named = equalTo(state.selector, "service_name");
    const entry = catalog.data.find((e) => e.service === named) ?? openingEntry(catalog.data);
    const offered = state.selector && !named ? catalog.data.flatMap((e) => e.types) : entry.types;
    const selector = state.selector || (state.type ? "{}" : setEqual("{}", "service_name", entry.service));
    navigate({ selector, type: state.type || preferredType(offered) }, "replace");
  }, [catalog.data, state.type, state.selector]);

  useEffect(() => {
    if (!notice) return;
    const timer = setTimeout(() => setNotice(""), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice]);

  const setTime = (from: string, until: string) => navigate({ from, until }, "push");
  const setRange = (r: { start: number; end: number }) => setTime(String(r.start), String(r.end));
  const stepTo = (direction: -1 | 1) => setStep((old) => ({ count: old.count + 1, direction }));
  const setQuery = (type: string, selector: string) => navigate({ type, selector, focus: "", fn: "" }, "push");
  const escape = () => {
    if (state.fn) navigate({ fn: "" }, "push");
    else if (state.focus) navigate({ focus: "" }, "push");
    else if (state.search) navigate({ search: "" }, "replace");
  };
  useShortcuts({
    "/": () => searchInput.current?.focus(),
    "?": () => setDialog("help"),
    n: () => stepTo(1),
    N: () => stepTo(-1),
    t: () => navigate({ view: VIEWS[(VIEWS.indexOf(state.view) + 1) % VIEWS.length] }, "push"),
    f: () => navigate({ icicle: !state.icicle }, "push"),
    r: data.refresh,
    Escape: escape,
    Home: () => navigate({ focus: "" }, state.focus ? "push" : "replace"),
  });

  const shownRange = graph.data?.query;
  const empty = graph.data?.model.grandTotal === 0;
  const busy = catalog.loading || graph.loading || timeline.loading;
  return (
    <div class="app">
      <TopBar
        from={state.from}
        until={state.until}
        refresh={state.refresh}
        busy={busy}
        dark={theme.dark}
        tenant={state.tenant}
        onTime={setTime}
        onShift={(direction) => typeof range !== "string" && setRange(shiftRange(range, direction))}
        onRefresh={data.refresh}
        onRefreshEvery={(refresh) => navigate({ refresh }, "push")}
        onTheme={theme.next}
        onTenant={() => setDialog("tenant")}
        onHelp={() => setDialog("help")}
      >
        <ExportMenu state={state} data={graph.data} notify={setNotice} />
      </TopBar>
      <QueryStrip
        catalog={catalog.data ?? []}
        type={state.type}
        selector={state.selector}
        suggester={data.suggester}
        onQuery={setQuery}
        onRefresh={data.refresh}
      />
      {typeof range === "string" && (
        <div class="banner error" role="alert">
          <strong>Time range.</strong> {range}
        </div>
      )}
      <PanelStatus query={catalog} what="List of services" />
      {data.emptyServer ? (
        <EmptyServer tenant={state.tenant} />
      ) : data.emptyRange && !(state.type && state.selector) ? (
        <EmptyRange
          range={rangeLabel(state.from, state.until, Date.now())}
          onLastDay={() => setTime("now-24h", "now")}
        />
      ) : data.needsConfirm ? (
        <AskBeforeRun onRun={data.confirmRun} />
      ) : (
        <main>
          <TimelinePanel
            query={timeline}
            groupBy={state.groupBy}
            topN={state.topN}
            labelNames={labelNames}
            dark={theme.dark}
            onOpenLabels={() => {
              data.suggester.names(new AbortController().signal).then(setLabelNames, () => undefined);
            }}
            onGroupBy={(groupBy) => navigate({ groupBy }, "push")}
            onTopN={(topN) => navigate({ topN }, "push")}
            onFilter={(label, value) => setQuery(state.type, addMatcher(state.selector, label, "=", value))}
            onRange={(start, end) => setRange({ start, end })}
            onZoomOut={() => typeof range !== "string" && setRange(zoomOut(range, Date.now()))}
          />
          <section class="panel graph-panel" aria-label="Flame graph and table" aria-busy={graph.loading}>
            <PanelStatus query={graph} what="Flame graph" />
            {graph.data && empty && (
              <EmptyResult
                type={graph.data.query.profileTypeID}
                selector={graph.data.query.labelSelector}
                range={shownRange ? rangeLabel(String(shownRange.start), String(shownRange.end), 0) : ""}
                onLastDay={() => setTime("now-24h", "now")}
                onDropFilters={() => {
                  const service = equalTo(state.selector, "service_name");
                  setQuery(state.type, service ? setEqual("{}", "service_name", service) : "{}");
                }}
              />
            )}
            {graph.data && !empty && (
              <GraphPanel
                data={graph.data}
                state={state}
                navigate={navigate}
                dark={theme.dark}
                dimmed={graph.slow}
                step={step}
                onStep={stepTo}
                searchInput={searchInput}
                notify={setNotice}
              />
            )}
          </section>
        </main>
      )}
      <div class={notice ? "notice on" : "notice"} role="status">
        {notice}
      </div>
      {dialog === "help" && <HelpDialog onClose={() => setDialog("")} />}
      {dialog === "tenant" && (
        <TenantDialog
          tenant={state.tenant}
          required={refused}
          onClose={() => setDialog("")}
          onSave={(tenant) => {
            writeSetting("tenant", tenant);
            setDialog("");
            navigate({ tenant }, "push");
          }}
        />
      )}
    </div>
  );
}
