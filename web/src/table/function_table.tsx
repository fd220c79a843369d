// The table of functions: the graph in words. A real table of which only the visible rows exist.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { displayName, shortName } from "../format/display_name.ts";
import { exactValue, formatPercent, formatValue } from "../format/value.ts";
import { type FunctionSums, type SortKey, sortedFunctions } from "../flame/functions.ts";
import type { FlameModel } from "../flame/model.ts";
import type { Matches } from "../flame/search.ts";

const ROW_PX = 22;
const OVERSCAN = 6;

interface Props {
  model: FlameModel;
  sums: FunctionSums;
  unit: string;
  /** Set while searching: only these rows are listed. */
  filter: Matches | undefined;
  selected: string;
  onSelect(name: string): void;
}

const COLUMNS: { key: SortKey; label: string; title: string }[] = [
  { key: "name", label: "Function", title: "Sort by name" },
  { key: "self", label: "Self", title: "Spent in the function itself" },
  { key: "total", label: "Total", title: "Spent in the function and what it called; recursion counts once" },
];

/** Cut in the path, not in the name: the end is what tells functions of one package apart. */
function FunctionName({ label }: { label: string }) {
  const base = shortName(label);
  return (
    <>
      {base.length < label.length && <bdi class="dir">{label.slice(0, label.length - base.length)}</bdi>}
      <bdi class="base">{base}</bdi>
    </>
  );
}

export function FunctionTable({ model, sums, unit, filter, selected, onSelect }: Props) {
  const [sort, setSort] = useState<{ key: SortKey; descending: boolean }>({ key: "self", descending: true });
  const [window_, setWindow] = useState({ top: 0, height: 600 });
  const [active, setActive] = useState(0);
  const wantsFocus = useRef(false);
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useMemo(
    () => sortedFunctions(model, sums, filter?.names, sort.key, sort.descending),
    [model, sums, filter, sort],
  );

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const measure = () => setWindow({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    setActive(0);
    if (scroller.current) scroller.current.scrollTop = 0;
  }, [rows]);
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    const button = scroller.current?.querySelector<HTMLButtonElement>(`button[data-row="${active}"]`);
    if (button) {
      wantsFocus.current = false;
      button.focus({ preventScroll: true });
    }
  });

  const first = Math.max(0, Math.floor(window_.top / ROW_PX) - OVERSCAN);
  const last = Math.min(rows.length, Math.ceil((window_.top + window_.height) / ROW_PX) + OVERSCAN);
  const move = (to: number) => {
    const row = Math.max(0, Math.min(rows.length - 1, to));
    const element = scroller.current;
    if (!element) return;
    const header = 26;
    if (row * ROW_PX < element.scrollTop) element.scrollTop = row * ROW_PX;
    const bottom = (row + 1) * ROW_PX + header;
    if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight;
    wantsFocus.current = true;
    setActive(row);
    setWindow({ top: element.scrollTop, height: element.clientHeight });
  };
  const onKey = (event: KeyboardEvent) => {
    if (!(event.target as HTMLElement).dataset.row) return;
    const page = Math.max(1, Math.floor(window_.height / ROW_PX) - 2);
    const moves: Record<string, number> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: rows.length - 1,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    move(moves[event.key]);
  };
  const sortBy = (key: SortKey) =>
    setSort((old) => (old.key === key ? { key, descending: !old.descending } : { key, descending: key !== "name" }));

  const total = model.grandTotal;
  const share = (value: number) => ({ "--share": `${total > 0 ? (value / total) * 100 : 0}%` });
  return (
    <div
      class="table-scroller"
      ref={scroller}
      onScroll={(event) => setWindow({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}
    >
      <table class="functions" aria-rowcount={rows.length + 1} onKeyDown={onKey}>
        <colgroup>
          <col />
          <col class="col-value" />
          <col class="col-percent" />
          <col class="col-value" />
          <col class="col-percent" />
        </colgroup>
        <thead>
          <tr>
            {COLUMNS.map(({ key, label, title }) => {
              const on = sort.key === key;
              const order = on ? (sort.descending ? "descending" : "ascending") : "none";
              return (
                <th key={key} scope="col" colSpan={key === "name" ? 1 : 2} aria-sort={order} class={key}>
                  <button type="button" title={title} onClick={() => sortBy(key)}>
                    {label}
                    <span class="sort-mark" aria-hidden="true">
                      {on ? (sort.descending ? "▾" : "▴") : ""}
                    </span>
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr class="gap" style={{ height: `${first * ROW_PX}px` }} />}
          {Array.from(rows.subarray(first, last), (name, i) => {
            const row = first + i;
            const text = model.names[name];
            const label = displayName(text);
            const on = text === selected;
            return (
              <tr key={name} aria-rowindex={row + 2} class={on ? "selected" : ""}>
                <td class="name">
                  <button
                    type="button"
                    data-row={row}
                    tabIndex={row === active ? 0 : -1}
                    aria-pressed={on}
                    title={label}
                    onClick={() => {
                      setActive(row);
                      onSelect(on ? "" : text);
                    }}
                  >
                    <FunctionName label={label} />
                  </button>
                </td>
                <td class={sums.self[name] > 0 ? "value self" : "value self zero"} data-value={sums.self[name]} title={exactValue(sums.self[name], unit)} style={share(sums.self[name])}>
                  {formatValue(sums.self[name], unit)}
                </td>
                <td class="percent">{formatPercent(sums.self[name], total)}</td>
                <td class="value total" data-value={sums.total[name]} title={exactValue(sums.total[name], unit)} style={share(sums.total[name])}>
                  {formatValue(sums.total[name], unit)}
                </td>
                <td class="percent">{formatPercent(sums.total[name], total)}</td>
              </tr>
            );
          })}
          {last < rows.length && <tr class="gap" style={{ height: `${(rows.length - last) * ROW_PX}px` }} />}
        </tbody>
      </table>
      {rows.length === 0 && <p class="table-empty">No function matches the search.</p>}
    </div>
  );
}
