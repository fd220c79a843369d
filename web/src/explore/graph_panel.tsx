// The table and the flame graph of one answer, with search, selection and focus.

import type { Ref } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { MenuItem } from "../flame/context_menu.tsx";
import { FlameGraph } from "../flame/flame_graph.tsx";
import { DARK, LIGHT } from "../flame/palette.ts";
import { compileSearch, escapeRegex, findMatches } from "../flame/search.ts";
import { copyText } from "../export/download.ts";
import type { ExploreState } from "../state/url_state.ts";
import type { Navigate } from "../state/use_explore_state.ts";
import { FunctionTable } from "../table/function_table.tsx";
import { Split } from "../ui/split.tsx";
import { Breadcrumb } from "./breadcrumb.tsx";
import { GraphToolbar } from "./graph_toolbar.tsx";
import type { GraphData } from "./queries.ts";

interface Props {
  data: GraphData;
  state: ExploreState;
  navigate: Navigate;
  dark: boolean;
  dimmed: boolean;
  step: { count: number; direction: -1 | 1 };
  onStep(direction: -1 | 1): void;
  searchInput: Ref<HTMLInputElement>;
  notify(text: string): void;
}

export function GraphPanel({ data, state, navigate, dark, dimmed, step, onStep, searchInput, notify }: Props) {
  const { model } = data;
  const [zoomed, setZoomed] = useState(false);
  const [resets, setResets] = useState(0);
  const search = useMemo(() => compileSearch(state.search), [state.search]);
  const found = useMemo(
    () => (search.regex ? findMatches(model, (name) => search.regex?.test(name) === true) : undefined),
    [model, search],
  );
  const selected = useMemo(
    () => (state.fn ? findMatches(model, (name) => name === state.fn) : undefined),
    [model, state.fn],
  );
  const matches = selected ?? found;
  const focus = Math.max(0, state.focus ? model.findPath(state.focus) : 0);

  const setFocus = (node: number) => navigate({ focus: model.pathId(node) }, "push");
  const reset = () => {
    setResets((n) => n + 1);
    navigate({ focus: "" }, state.focus ? "push" : "replace");
  };
  const copy = async (what: string, text: string) => {
    notify((await copyText(text)) ? `${what} copied.` : "The browser did not allow copying.");
  };
  const menuFor = (node: number): MenuItem[] => {
    const name = model.nameOf(node);
    const stack = () => model.ancestors(node).slice(1).map((n) => model.nameOf(n)).join("\n");
    return [
      { label: "Focus on this frame", run: () => setFocus(node) },
      { label: "Highlight everywhere", run: () => navigate({ fn: name }, "push") },
      { label: "Search this name", run: () => navigate({ search: `^${escapeRegex(name)}$`, fn: "" }, "push") },
      { label: "Copy name", run: () => void copy("Name", name) },
      { label: "Copy stack", run: () => void copy("Stack", stack()) },
    ];
  };

  const table = state.view !== "flame" && (
    <FunctionTable
      model={model}
      sums={data.sums}
      unit={data.unit}
      filter={found}
      selected={state.fn}
      onSelect={(fn) => navigate({ fn }, "push")}
    />
  );
  const flame = state.view !== "table" && (
    <FlameGraph
      model={model}
      unit={data.unit}
      focus={focus}
      icicle={state.icicle}
      matches={matches}
      palette={dark ? DARK : LIGHT}
      onFocus={setFocus}
      onZoomChange={setZoomed}
      menuFor={menuFor}
      resetCount={resets}
      step={step}
    />
  );
  return (
    <>
      <GraphToolbar
        data={data}
        view={state.view}
        icicle={state.icicle}
        maxNodes={state.maxNodes}
        search={state.search}
        searchError={search.error ?? ""}
        matches={matches}
        searchInput={searchInput}
        onView={(view) => navigate({ view }, "push")}
        onIcicle={(icicle) => navigate({ icicle }, "push")}
        onMaxNodes={(maxNodes) => navigate({ maxNodes }, "push")}
        onSearch={(text) => navigate({ search: text, fn: "" }, "replace")}
        onStep={onStep}
      />
      <Breadcrumb data={data} focus={focus} canReset={focus > 0 || zoomed} onFocus={setFocus} onReset={reset} />
      <div class={dimmed ? "graph-body dimmed" : "graph-body"}>
        <Split left={table} right={flame} />
      </div>
    </>
  );
}
