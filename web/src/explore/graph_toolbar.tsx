import type { Ref } from "preact";
import { formatPercent, formatValue } from "../format/value.ts";
import type { Matches } from "../flame/search.ts";
import { MAX_NODES_CHOICES, VIEWS, type View } from "../state/url_state.ts";
import type { GraphData } from "./queries.ts";

interface Props {
  data: GraphData;
  view: View;
  icicle: boolean;
  maxNodes: number;
  search: string;
  searchError: string;
  /** What is highlighted: the search, or the selected function. */
  matches: Matches | undefined;
  searchInput: Ref<HTMLInputElement>;
  onView(view: View): void;
  onIcicle(icicle: boolean): void;
  onMaxNodes(n: number): void;
  onSearch(text: string): void;
  onStep(direction: -1 | 1): void;
}

const VIEW_TITLES: Record<View, string> = { table: "Table", both: "Both", flame: "Flame" };

function MatchSummary({ data, matches }: { data: GraphData; matches: Matches }) {
  const { model, unit } = data;
  const what = `${matches.nameCount} function${matches.nameCount === 1 ? "" : "s"}`;
  return (
    <span class="match-summary" role="status" data-testid="match-summary">
      {matches.nameCount === 0 ? (
        "no match"
      ) : (
        <>
          <strong>{formatPercent(matches.through, model.grandTotal)}</strong> of total through {what} (
          {formatValue(matches.through, unit)}, self {formatPercent(matches.self, model.grandTotal)})
        </>
      )}
    </span>
  );
}

export function GraphToolbar(props: Props) {
  const { data, view, icicle, matches } = props;
  const onSearchKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      if (props.search) props.onSearch("");
      else (event.currentTarget as HTMLElement).blur();
    } else if (event.key === "Enter") props.onStep(event.shiftKey ? -1 : 1);
    else return;
    event.preventDefault();
  };
  return (
    <header class="panel-head graph-head">
      <div class="search">
        <input
          ref={props.searchInput}
          type="search"
          aria-label="Search functions (regular expression)"
          placeholder="Search functions (regex)   /"
          spellcheck={false}
          class={props.searchError ? "invalid" : ""}
          aria-invalid={props.searchError !== ""}
          value={props.search}
          onInput={(event) => props.onSearch(event.currentTarget.value)}
          onKeyDown={onSearchKey}
        />
        <button type="button" class="icon" title="Previous match (N)" aria-label="Previous match" disabled={!matches} onClick={() => props.onStep(-1)}>
          ‹
        </button>
        <button type="button" class="icon" title="Next match (n)" aria-label="Next match" disabled={!matches} onClick={() => props.onStep(1)}>
          ›
        </button>
      </div>
      {props.searchError ? (
        <span class="problem" role="alert">
          {props.searchError}
        </span>
      ) : (
        matches && <MatchSummary data={data} matches={matches} />
      )}
      <span class="spring" />
      <label class="inline-field">
        nodes
        <select value={String(props.maxNodes)} title="Most nodes the server may send" onChange={(e) => props.onMaxNodes(Number(e.currentTarget.value))}>
          {[...new Set([...MAX_NODES_CHOICES, props.maxNodes])].sort((a, b) => a - b).map((n) => (
            <option key={n} value={String(n)}>
              {n % 1024 === 0 ? `${n / 1024}k` : n}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        class="control small"
        title={icicle ? "Root at the top; press for root at the bottom (f)" : "Root at the bottom; press for root at the top (f)"}
        aria-pressed={!icicle}
        disabled={view === "table"}
        onClick={() => props.onIcicle(!icicle)}
      >
        {icicle ? "Icicle ↓" : "Flame ↑"}
      </button>
      <div class="segmented" role="group" aria-label="View">
        {VIEWS.map((v) => (
          <button type="button" key={v} aria-pressed={v === view} onClick={() => props.onView(v)}>
            {VIEW_TITLES[v]}
          </button>
        ))}
      </div>
    </header>
  );
}
