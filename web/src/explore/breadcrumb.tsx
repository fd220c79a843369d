// The way from the root to the focus, the figures of what is shown, and the way back.

import { displayName, shortName } from "../format/display_name.ts";
import { exactValue, formatCount, formatDuration, formatPercent, formatValue } from "../format/value.ts";
import type { GraphData } from "./queries.ts";

const HEAD = 2;
const TAIL = 4;

interface Props {
  data: GraphData;
  focus: number;
  canReset: boolean;
  onFocus(node: number): void;
  onReset(): void;
}

function Path({ data, focus, onFocus }: Pick<Props, "data" | "focus" | "onFocus">) {
  const { model } = data;
  const path = model.ancestors(focus);
  const hidden = path.length > HEAD + TAIL + 1 ? path.length - HEAD - TAIL : 0;
  const shown = hidden > 0 ? [...path.slice(0, HEAD), -1, ...path.slice(-TAIL)] : path;
  return (
    <ol class="path">
      {shown.map((node) =>
        node < 0 ? (
          <li key="hidden" class="note">
            … {hidden} more …
          </li>
        ) : (
          <li key={node}>
            <button
              type="button"
              title={displayName(model.nameOf(node))}
              aria-current={node === focus ? "location" : undefined}
              onClick={() => onFocus(node)}
            >
              <bdi>{shortName(displayName(model.nameOf(node), 60))}</bdi>
            </button>
          </li>
        ),
      )}
    </ol>
  );
}

function Figures({ data, focus }: { data: GraphData; focus: number }) {
  const { model, unit } = data;
  const total = model.total[focus] ?? 0;
  return (
    <ul class="figures" aria-label="Figures">
      <li title={exactValue(total, unit)} data-testid="graph-total">
        <strong>{formatValue(total, unit)}</strong>
        {focus > 0 ? ` (${formatPercent(total, model.grandTotal)} of total)` : " total"}
      </li>
      <li>{formatCount(model.nodeCount)} frames</li>
      <li>{formatCount(Math.max(model.levelCount - 1, 0))} deep</li>
      <li title="From the question to the last byte of the answer">{formatDuration(data.elapsedMs)}</li>
      {data.truncated > 0 && (
        <li class="warn" title='Folded into frames named "other". Ask for more nodes to see them.'>
          {formatPercent(data.truncated, model.grandTotal)} in "other"
        </li>
      )}
      {model.rounded && (
        <li class="warn" title="The sum is above 2^53; the last digits are not exact.">
          rounded
        </li>
      )}
    </ul>
  );
}

export function Breadcrumb({ data, focus, canReset, onFocus, onReset }: Props) {
  return (
    <nav class="breadcrumb" aria-label="Focus">
      <Path data={data} focus={focus} onFocus={onFocus} />
      <button type="button" class={canReset ? "small reset on" : "small reset"} disabled={!canReset} onClick={onReset} title="Show the whole graph (Esc)">
        Reset
      </button>
      <span class="spring" />
      <Figures data={data} focus={focus} />
    </nav>
  );
}
