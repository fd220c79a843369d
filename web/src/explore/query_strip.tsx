// Service, profile type and selector. One text is the state; the pickers and chips are editors of that text.

import { useEffect, useMemo, useState } from "preact/hooks";
import type { CatalogEntry } from "../api/querier.ts";
import { preferredType, profileTypeTitle } from "../format/profile_type.ts";
import { addMatcher, equalTo, formatMatcher, parseSelector, removeMatcher, setEqual } from "../state/selector.ts";
import { Picker } from "../ui/picker.tsx";
import { AddFilter } from "./add_filter.tsx";
import { SelectorInput, type Suggester } from "./selector_input.tsx";

interface Props {
  catalog: CatalogEntry[];
  type: string;
  selector: string;
  suggester: Suggester;
  /** Another type or selector, to be run at once. */
  onQuery(type: string, selector: string): void;
  /** Run what stands there again. */
  onRefresh(): void;
}

export function QueryStrip({ catalog, type, selector, suggester, onQuery, onRefresh }: Props) {
  const [draft, setDraft] = useState(selector);
  useEffect(() => setDraft(selector), [selector]);
  const changed = draft !== selector;
  const parsed = useMemo(() => parseSelector(draft), [draft]);
  const service = equalTo(draft, "service_name");

  const types = useMemo(() => {
    const entry = catalog.find((e) => e.service === service);
    return entry ? entry.types : [...new Set(catalog.flatMap((e) => e.types))].sort();
  }, [catalog, service]);

  const pickService = (picked: string) => {
    const offered = catalog.find((e) => e.service === picked)?.types ?? [];
    const kept = offered.includes(type) || offered.length === 0;
    onQuery(kept ? type : preferredType(offered), setEqual(draft, "service_name", picked));
  };
  const run = () => {
    // An empty selector is refused by the server; {} says the same and can be seen.
    const text = draft.trim() === "" ? "{}" : draft;
    setDraft(text);
    if (text === selector) onRefresh();
    else onQuery(type, text);
  };

  return (
    <section class="query-strip" aria-label="Query">
      <div class="query-row">
        <Picker
          title="Service"
          prefix="Service"
          class="service"
          value={service}
          shown={service || (selector ? "any" : "choose")}
          choices={catalog.map((e) => ({ value: e.service, label: e.service || "(no name)" }))}
          empty="No service in this time range"
          onPick={pickService}
        />
        <Picker
          title="Profile type"
          prefix="Profile"
          class="type"
          value={type}
          shown={type ? profileTypeTitle(type) : "choose"}
          choices={types.map((id) => ({ value: id, label: profileTypeTitle(id), note: id }))}
          empty="No profile type in this time range"
          onPick={(picked) => onQuery(picked, draft.trim() === "" ? "{}" : draft)}
        />
        <SelectorInput draft={draft} changed={changed} suggester={suggester} onDraft={setDraft} onRun={run} />
        <AddFilter suggester={suggester} onAdd={(name, op, value) => onQuery(type, addMatcher(draft, name, op, value))} />
        <button type="button" class={changed ? "primary run" : "control run"} onClick={run} title="Run the query (Enter)">
          Run
        </button>
      </div>
      {parsed.ok && parsed.matchers.some((m) => m.name !== "service_name") && (
        <ul class="chips" aria-label="Label filters">
          {parsed.matchers.map((m, i) =>
            m.name === "service_name" ? null : (
              <li class="chip" key={`${m.name}${i}`}>
                <bdi>{formatMatcher(m.name, m.op, m.value)}</bdi>
                <button
                  type="button"
                  aria-label={`Remove filter ${m.name}`}
                  onClick={() => onQuery(type, removeMatcher(draft, i))}
                >
                  ×
                </button>
              </li>
            ),
          )}
        </ul>
      )}
      {!parsed.ok && changed && <p class="hint selector-hint">Not a complete selector yet; it is sent as it is.</p>}
    </section>
  );
}
