// Everything that changes what is seen, as a query string. Parsing never throws: what it does not understand keeps
// the default. Written addresses always name the type, the selector and the range, so that a link says what it shows.

export const VIEWS = ["table", "both", "flame"] as const;
export type View = (typeof VIEWS)[number];
export const REFRESH_CHOICES = ["off", "10s", "30s", "1m"] as const;
export type Refresh = (typeof REFRESH_CHOICES)[number];
export const MAX_NODES_CHOICES = [8192, 65536, 262144] as const;

export interface ExploreState {
  tenant: string;
  /** Profile type id; empty until chosen. */
  type: string;
  /** Label selector exactly as typed; empty until chosen. */
  selector: string;
  from: string;
  until: string;
  groupBy: string;
  topN: number;
  view: View;
  search: string;
  /** FlameModel.pathId of the focused node; empty is the whole graph. */
  focus: string;
  /** Name of the selected function; empty is none. */
  fn: string;
  /** Root at the top (icicle) instead of the bottom. */
  icicle: boolean;
  maxNodes: number;
  refresh: Refresh;
}

export const DEFAULT_STATE: ExploreState = {
  tenant: "",
  type: "",
  selector: "",
  from: "now-1h",
  until: "now",
  groupBy: "",
  topN: 5,
  view: "both",
  search: "",
  focus: "",
  fn: "",
  icicle: true,
  maxNodes: 65536,
  refresh: "off",
};

/** `<type>{selector}` into its halves. */
export function splitQuery(query: string): { type: string; selector: string } {
  const brace = query.indexOf("{");
  return brace < 0 ? { type: query.trim(), selector: "" } : { type: query.slice(0, brace).trim(), selector: query.slice(brace) };
}

function oneOf<T>(value: string | null, choices: readonly T[], fallback: T): T {
  return choices.find((choice) => String(choice) === value) ?? fallback;
}

function integer(value: string | null, min: number, max: number, fallback: number): number {
  const parsed = value !== null && /^\d+$/.test(value) ? Number(value) : Number.NaN;
  return parsed >= min && parsed <= max ? parsed : fallback;
}

export function parseState(search: string): ExploreState {
  const params = new URLSearchParams(search);
  const d = DEFAULT_STATE;
  // `query` is the name that links of other tools use for the same thing.
  const query = splitQuery(params.get("q") ?? params.get("query") ?? "");
  return {
    tenant: params.get("tenant") ?? "",
    type: query.type,
    // A selector that does not begin with a brace travels by itself, see formatState.
    selector: params.get("sel") ?? query.selector,
    from: params.get("from") || d.from,
    until: params.get("until") || d.until,
    groupBy: params.get("g") ?? params.get("groupBy") ?? "",
    topN: integer(params.get("n"), 1, 20, d.topN),
    view: oneOf(params.get("view"), VIEWS, d.view),
    search: params.get("s") ?? "",
    focus: params.get("f") ?? "",
    fn: params.get("fn") ?? "",
    icicle: params.get("o") !== "flame",
    maxNodes: integer(params.get("max"), 1, 1_048_576, d.maxNodes),
    refresh: oneOf(params.get("refresh"), REFRESH_CHOICES, d.refresh),
  };
}

export function formatState(state: ExploreState): string {
  const params = new URLSearchParams();
  const put = (name: string, value: string, skip = "") => value !== skip && params.set(name, value);
  put("tenant", state.tenant);
  if (state.selector === "" || state.selector.startsWith("{")) {
    put("q", state.type + state.selector);
  } else {
    put("q", state.type);
    put("sel", state.selector);
  }
  params.set("from", state.from);
  params.set("until", state.until);
  params.set("view", state.view);
  put("g", state.groupBy);
  if (state.groupBy) put("n", String(state.topN), String(DEFAULT_STATE.topN));
  put("s", state.search);
  put("f", state.focus);
  put("fn", state.fn);
  put("o", state.icicle ? "" : "flame");
  put("max", String(state.maxNodes), String(DEFAULT_STATE.maxNodes));
  put("refresh", state.refresh, "off");
  return `?${params.toString()}`;
}
