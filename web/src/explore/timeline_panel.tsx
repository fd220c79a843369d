import { useState } from "preact/hooks";
import { displayName } from "../format/display_name.ts";
import { formatDuration, formatPercent, formatValue } from "../format/value.ts";
import { formatTime } from "../state/time.ts";
import type { Query } from "../state/use_query.ts";
import { groupColor } from "../timeline/colors.ts";
import { Timeline } from "../timeline/timeline.tsx";
import { PanelStatus } from "../ui/panel_status.tsx";
import { Picker } from "../ui/picker.tsx";
import type { TimelineResult } from "./queries.ts";

interface Props {
  query: Query<TimelineResult>;
  groupBy: string;
  topN: number;
  labelNames: string[];
  dark: boolean;
  onOpenLabels(): void;
  onGroupBy(label: string): void;
  onTopN(n: number): void;
  onFilter(label: string, value: string): void;
  onRange(start: number, end: number): void;
  onZoomOut(): void;
}

const TOP_CHOICES = [3, 5, 8, 12, 20];

function Legend({ result, dark, onFilter }: { result: TimelineResult; dark: boolean; onFilter: Props["onFilter"] }) {
  const { timeline, unit, groupBy } = result;
  const whole = timeline.groups.reduce((sum, g) => sum + g.total, 0);
  return (
    <ul class="legend" aria-label={`Groups by ${groupBy}`}>
      {timeline.groups.map((group, i) => {
        const rest = group.kind === "rest";
        const name = rest ? "other" : displayName(group.value || "(none)", 80);
        const text = `${formatValue(group.total, unit)} · ${formatPercent(group.total, whole)}`;
        return (
          <li key={name}>
            <button
              type="button"
              disabled={rest}
              title={rest ? "All groups below the top" : `Filter by ${groupBy}="${name}"`}
              onClick={() => onFilter(groupBy, group.value ?? "")}
            >
              <span class="swatch" style={{ background: groupColor(i, rest, dark) }} />
              <bdi>{name}</bdi> <span class="note">{text}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

export function TimelinePanel(props: Props) {
  const { query, groupBy, dark } = props;
  const [cursor, setCursor] = useState<number | undefined>(undefined);
  const data = query.data;
  const total = (index: number) => data?.timeline.groups.reduce((sum, g) => sum + g.points[index], 0) ?? 0;
  const labels = [{ value: "", label: "No grouping" }, ...props.labelNames.map((n) => ({ value: n, label: n }))];
  return (
    <section class="panel timeline-panel" aria-label="Timeline">
      <header class="panel-head">
        <h2>Timeline</h2>
        {data && (
          <span class="note" data-testid="timeline-note">
            {cursor !== undefined && data.timeline.times[cursor] !== undefined
              ? `${formatTime(data.timeline.times[cursor])}  ${formatValue(total(cursor), data.unit)}`
              : `per ${formatDuration(data.timeline.stepMs)}`}
          </span>
        )}
        <span class="spring" />
        <Picker
          title="Group by label"
          prefix="Group by"
          class="small"
          value={groupBy}
          shown={groupBy || "nothing"}
          choices={labels}
          empty="No labels"
          onOpen={props.onOpenLabels}
          onPick={props.onGroupBy}
        />
        {groupBy && (
          <label class="inline-field">
            top
            <select value={String(props.topN)} onChange={(e) => props.onTopN(Number(e.currentTarget.value))}>
              {[...new Set([...TOP_CHOICES, props.topN])].sort((a, b) => a - b).map((n) => (
                <option key={n} value={String(n)}>
                  {n}
                </option>
              ))}
            </select>
          </label>
        )}
        <button type="button" class="control small" onClick={props.onZoomOut} title="Twice the range (double click on the timeline)">
          Zoom out
        </button>
      </header>
      <PanelStatus query={query} what="Timeline" />
      <div class={query.slow ? "dimmed timeline-body" : "timeline-body"}>
        {data && (
          <Timeline
            data={data.timeline}
            unit={data.unit}
            dark={dark}
            onRange={props.onRange}
            onZoomOut={props.onZoomOut}
            onCursor={setCursor}
          />
        )}
      </div>
      {data?.groupBy && <Legend result={data} dark={dark} onFilter={props.onFilter} />}
    </section>
  );
}
