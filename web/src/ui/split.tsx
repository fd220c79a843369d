// Two panes and a bar between them that can be dragged or moved with the arrow keys; the place is remembered.

import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { readSetting, writeSetting } from "../state/storage.ts";

const MIN = 15;
const MAX = 75;

export function Split({ left, right }: { left: ComponentChildren; right: ComponentChildren }) {
  const root = useRef<HTMLDivElement>(null);
  const [share, setShare] = useState(() => {
    const saved = Number(readSetting("split"));
    return saved >= MIN && saved <= MAX ? saved : 38;
  });
  const move = (to: number) => {
    const next = Math.min(MAX, Math.max(MIN, to));
    setShare(next);
    writeSetting("split", next.toFixed(1));
  };
  if (!left || !right) return <div class="split single">{left || right}</div>;
  return (
    <div class="split" ref={root} style={{ "--left": `${share}%` }}>
      <div class="split-pane left">{left}</div>
      <div
        class="split-bar"
        role="separator"
        aria-orientation="vertical"
        aria-label="Width of the table"
        aria-valuenow={Math.round(share)}
        aria-valuemin={MIN}
        aria-valuemax={MAX}
        tabIndex={0}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={(event) => {
          const box = root.current?.getBoundingClientRect();
          if (!box || !event.currentTarget.hasPointerCapture(event.pointerId)) return;
          move(((event.clientX - box.left) / box.width) * 100);
        }}
        onKeyDown={(event) => {
          if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
          event.preventDefault();
          move(share + (event.key === "ArrowLeft" ? -2 : 2));
        }}
      />
      <div class="split-pane right">{right}</div>
    </div>
  );
}
