// The box beside the pointer. Hidden from screen readers: the live region says the same.

import { useLayoutEffect, useRef } from "preact/hooks";
import { displayName } from "../format/display_name.ts";
import { exactValue, formatPercent, formatValue } from "../format/value.ts";
import type { FlameModel } from "./model.ts";
import type { Hit } from "./view.ts";

interface Props {
  hit: Hit;
  model: FlameModel;
  focus: number;
  unit: string;
}

export function Tooltip({ hit, model, focus, unit }: Props) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const { width, height } = element.getBoundingClientRect();
    const right = hit.clientX + 16 + width > window.innerWidth;
    const below = hit.clientY + 18 + height > window.innerHeight;
    const x = Math.max(4, right ? hit.clientX - width - 12 : hit.clientX + 14);
    const y = Math.max(4, below ? hit.clientY - height - 12 : hit.clientY + 16);
    element.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  });

  const { node } = hit;
  const many = hit.count > 1;
  const total = many ? hit.weight : model.total[node];
  const parent = model.parent[node];
  return (
    <div class="tooltip" ref={box} aria-hidden="true">
      <div class="tooltip-name">
        <bdi>{displayName(model.nameOf(node))}</bdi>
      </div>
      {many && (
        <div class="tooltip-note">
          heaviest of {hit.count} frames within this pixel, {formatPercent(hit.weight, model.grandTotal)} together
        </div>
      )}
      <dl>
        <dt>Total</dt>
        <dd title={exactValue(total, unit)}>{formatValue(total, unit)}</dd>
        {!many && <dt>Self</dt>}
        {!many && <dd>{formatValue(model.self[node], unit)}</dd>}
        <dt>of all</dt>
        <dd>{formatPercent(total, model.grandTotal)}</dd>
        {!many && parent >= 0 && <dt>of parent</dt>}
        {!many && parent >= 0 && <dd>{formatPercent(total, model.total[parent])}</dd>}
        {focus > 0 && model.level[node] >= model.level[focus] && <dt>of focus</dt>}
        {focus > 0 && model.level[node] >= model.level[focus] && <dd>{formatPercent(total, model.total[focus])}</dd>}
      </dl>
    </div>
  );
}
