// The canvas as a Preact component: keeps a FlameView in step with the props, and is its keyboard and its voice.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { displayName } from "../format/display_name.ts";
import { formatPercent } from "../format/value.ts";
import { ContextMenu, type MenuItem } from "./context_menu.tsx";
import type { FlameModel } from "./model.ts";
import { siblingPlace, toChild, toMatch, toParent, toSibling } from "./navigation.ts";
import type { Palette } from "./palette.ts";
import type { Matches } from "./search.ts";
import { Tooltip } from "./tooltip.tsx";
import { FlameView, type Hit } from "./view.ts";

interface Props {
  model: FlameModel;
  unit: string;
  /** Focused node, 0 for the whole graph. */
  focus: number;
  icicle: boolean;
  matches: Matches | undefined;
  palette: Palette;
  onFocus(node: number): void;
  onZoomChange(zoomed: boolean): void;
  menuFor(node: number): MenuItem[];
  /** Raised to ask the canvas to go back to the focus (Reset button). */
  resetCount: number;
  /** Raised with a direction to step to a match from outside of the canvas. */
  step: { count: number; direction: -1 | 1 };
}

declare global {
  interface HTMLCanvasElement {
    flameView?: FlameView;
  }
}

export function describeNode(model: FlameModel, node: number): string {
  const { place, count } = siblingPlace(model, node);
  const share = formatPercent(model.total[node], model.grandTotal);
  const self = formatPercent(model.self[node], model.grandTotal);
  const name = displayName(model.nameOf(node), 160);
  return `${name}, ${share} of total, self ${self}, depth ${model.level[node]}, ${place} of ${count} siblings`;
}

export function FlameGraph(props: Props) {
  const { model, focus, icicle, matches, palette } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const spacer = useRef<HTMLDivElement>(null);
  const view = useRef<FlameView>(undefined);
  const shown = useRef<{ model?: FlameModel; icicle?: boolean; focus: number }>({ focus: 0 });
  const [hit, setHit] = useState<Hit | undefined>(undefined);
  const [menu, setMenu] = useState<Hit | undefined>(undefined);
  const [cursor, setCursor] = useState(-1);
  const [spoken, setSpoken] = useState("");
  const latest = useRef(props);
  latest.current = props;

  useLayoutEffect(() => {
    if (!scroller.current || !canvas.current || !spacer.current) return;
    const made = new FlameView(scroller.current, canvas.current, spacer.current, {
      onFocus: (node) => latest.current.onFocus(node),
      onHover: setHit,
      onMenu: setMenu,
      onZoomChange: (zoomed) => latest.current.onZoomChange(zoomed),
    });
    view.current = made;
    canvas.current.flameView = made;
    return () => made.destroy();
  }, []);

  useLayoutEffect(() => view.current?.setPalette(palette), [palette]);
  useLayoutEffect(() => {
    const last = shown.current;
    if (last.model !== model || last.icicle !== icicle) {
      view.current?.setModel(model, focus, icicle);
      setMenu(undefined);
      if (last.model !== model) setCursor(-1);
    } else if (last.focus !== focus) view.current?.setFocus(focus);
    shown.current = { model, icicle, focus };
    view.current?.setMatches(matches);
  }, [model, icicle, focus, matches]);
  useLayoutEffect(() => view.current?.setCursor(cursor), [cursor, model, icicle]);
  useEffect(() => {
    if (props.resetCount > 0) view.current?.zoom(0);
  }, [props.resetCount]);
  useEffect(() => {
    if (props.step.count > 0) stepToMatch(props.step.direction);
  }, [props.step]);

  const moveTo = (node: number) => {
    setCursor(node);
    setSpoken(describeNode(model, node));
  };
  const stepToMatch = (direction: -1 | 1) => {
    const node = matches ? toMatch(model, matches, cursor, direction) : -1;
    if (node >= 0) moveTo(node);
    else setSpoken("No match");
  };

  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const deeper = icicle ? "ArrowDown" : "ArrowUp";
    const shallower = icicle ? "ArrowUp" : "ArrowDown";
    const at = cursor < 0 ? focus : cursor;
    // The first arrow shows where the cursor is; the next ones move it.
    const go = (node: number) => moveTo(cursor < 0 ? at : node);
    if (event.key === deeper) go(toChild(model, at));
    else if (event.key === shallower) go(toParent(model, at));
    else if (event.key === "ArrowLeft") go(toSibling(model, at, -1));
    else if (event.key === "ArrowRight") go(toSibling(model, at, 1));
    else if (event.key === "Enter" && cursor >= 0) {
      props.onFocus(cursor);
      setSpoken(`Focused on ${describeNode(model, cursor)}`);
    } else if (event.key === "+" || event.key === "=") view.current?.zoom(1.5);
    else if (event.key === "-") view.current?.zoom(1 / 1.5);
    else if (event.key === "0") view.current?.zoom(0);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const label = `Flame graph, ${model.nodeCount} frames in ${model.levelCount} levels. Arrow keys move, Enter focuses, Escape resets. The table lists the same functions.`;
  return (
    <div class="flame">
      <div
        class="flame-scroller"
        ref={scroller}
        tabIndex={0}
        role="application"
        aria-label={label}
        onKeyDown={onKey}
        onFocus={() => setSpoken(describeNode(model, cursor < 0 ? focus : cursor))}
      >
        <canvas class="flame-canvas" ref={canvas} />
        <div ref={spacer} />
      </div>
      <div class="sr-only" role="status" aria-live="polite" data-testid="flame-live">
        {spoken}
      </div>
      {hit && !menu && hit.node < model.nodeCount && (
        <Tooltip hit={hit} model={model} focus={focus} unit={props.unit} />
      )}
      {menu && menu.node < model.nodeCount && (
        <ContextMenu hit={menu} items={props.menuFor(menu.node)} onClose={() => setMenu(undefined)} />
      )}
    </div>
  );
}
