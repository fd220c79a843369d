import { Dialog } from "./dialog.tsx";

const KEYS: [string, string][] = [
  ["↑ ↓", "parent and widest child (in the direction drawn)"],
  ["← →", "neighbour in the same row"],
  ["Enter", "focus on the frame"],
  ["Esc", "close, clear, or reset the focus"],
  ["/", "search functions (regular expression)"],
  ["n  N", "next and previous match"],
  ["+  −  0", "zoom in, out, back to the focus"],
  ["t", "table, both, flame graph"],
  ["f", "root at the top or at the bottom"],
  ["r", "refresh"],
  ["?", "this list"],
];

const MOUSE: [string, string][] = [
  ["Click a bar", "focus on it; Back undoes it"],
  ["Right click", "copy, search, select"],
  ["Drag, Shift + wheel", "move sideways"],
  ["Ctrl + wheel, pinch", "zoom at the pointer"],
  ["Drag on the timeline", "select a range"],
  ["Double click there", "zoom out to twice the range"],
];

export function HelpDialog({ onClose }: { onClose(): void }) {
  const list = (title: string, rows: [string, string][]) => (
    <section>
      <h3>{title}</h3>
      <dl class="keys">
        {rows.map(([key, what]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
  return (
    <Dialog title="Keys and gestures" onClose={onClose}>
      <div class="help-columns">
        {list("Keyboard", KEYS)}
        {list("Mouse", MOUSE)}
      </div>
    </Dialog>
  );
}
