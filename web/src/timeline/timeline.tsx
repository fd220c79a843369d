// The timeline: one bar per step, stacked when grouped. Dragging selects a range, a double click zooms out.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { formatValue } from "../format/value.ts";
import { axisLabels } from "../state/time.ts";
import { groupColor } from "./colors.ts";
import { type TimelineData, stack } from "./series.ts";

interface Props {
  data: TimelineData;
  unit: string;
  dark: boolean;
  onRange(start: number, end: number): void;
  onZoomOut(): void;
  onCursor(index: number | undefined): void;
}

const HEIGHT = 108;
const DRAG_MIN_PX = 5;

/** Axis steps that read well in the unit: powers of two for bytes, minutes and hours for long times. */
function increments(unit: string): number[] {
  if (unit === "bytes") return Array.from({ length: 60 }, (_, i) => 2 ** i);
  const decimal = Array.from({ length: 17 }, (_, i) => [1, 2, 5].map((m) => m * 10 ** i)).flat();
  if (unit !== "nanoseconds") return decimal;
  const minutes = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1440, 2880, 7200, 14400].map((m) => m * 60e9);
  return [...decimal.filter((n) => n <= 20e9), ...minutes];
}

function options(props: Props, width: number, latest: { current: Props }): uPlot.Options {
  const { data, unit, dark } = props;
  const css = getComputedStyle(document.documentElement);
  const text = css.getPropertyValue("--muted").trim();
  const grid = css.getPropertyValue("--grid").trim();
  const bars = uPlot.paths.bars?.({ size: [0.86, 40], align: -1 });
  const start = data.times[0] - data.stepMs;
  const end = data.times[data.times.length - 1];
  const axis: uPlot.Axis = {
    stroke: text,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1, size: 4 },
    font: '11px system-ui, "Segoe UI", Roboto, sans-serif',
  };
  return {
    width,
    height: HEIGHT,
    ms: 1,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false, dist: DRAG_MIN_PX },
      bind: { dblclick: () => () => (latest.current.onZoomOut(), null) },
    },
    scales: {
      x: { time: true, range: [start, end] },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] },
    },
    axes: [
      { ...axis, size: 26, space: 80, values: (_, splits, __, ___, distance) => axisLabels(splits, distance) },
      {
        ...axis,
        size: 68,
        space: 16,
        incrs: increments(unit),
        values: (_, splits) => splits.map((value) => formatValue(value, unit)),
      },
    ],
    // Drawn from the highest sum down: each lower one covers its part.
    series: [
      {},
      ...data.groups.map((_, i) => {
        const index = data.groups.length - 1 - i;
        const color = groupColor(index, data.groups[index].kind === "rest", dark);
        return { fill: color, stroke: color, width: 0, paths: bars, points: { show: false } };
      }),
    ],
    hooks: {
      setSelect: [
        (u) => {
          const { left, width: selected } = u.select;
          if (selected < DRAG_MIN_PX) return;
          const from = u.posToVal(left, "x");
          const to = u.posToVal(left + selected, "x");
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          latest.current.onRange(Math.round(from), Math.round(to));
        },
      ],
      setCursor: [
        (u) => {
          const { left } = u.cursor;
          if (left === undefined || left < 0) return latest.current.onCursor(undefined);
          // A bar ends at its time, so the pointer belongs to the next time at or after it.
          const { times, stepMs } = latest.current.data;
          const index = Math.ceil((u.posToVal(left, "x") - times[0]) / stepMs);
          latest.current.onCursor(index >= 0 && index < times.length ? index : undefined);
        },
      ],
    },
  };
}

export function Timeline(props: Props) {
  const host = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const { data, unit, dark } = props;

  useEffect(() => {
    const element = host.current;
    if (!element || data.times.length === 0) return;
    const columns = stack(data.groups).reverse();
    const aligned = [data.times, ...columns.map((c) => Array.from(c))] as uPlot.AlignedData;
    const plot = new uPlot(options(latest.current, Math.max(element.clientWidth, 50), latest), aligned, element);
    const resize = new ResizeObserver(() => plot.setSize({ width: Math.max(element.clientWidth, 50), height: HEIGHT }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      plot.destroy();
    };
  }, [data, unit, dark]);

  return <div class="timeline-plot" ref={host} role="img" aria-label="Values over time. Drag to select a range." />;
}
