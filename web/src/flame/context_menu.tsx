// What a right click on a bar offers.

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Hit } from "./view.ts";

export interface MenuItem {
  label: string;
  run(): void;
}

export function ContextMenu({ hit, items, onClose }: { hit: Hit; items: MenuItem[]; onClose(): void }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const { width, height } = element.getBoundingClientRect();
    const x = Math.min(hit.clientX, window.innerWidth - width - 4);
    const y = Math.min(hit.clientY, window.innerHeight - height - 4);
    element.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
    element.querySelector("button")?.focus();
  }, [hit]);
  useEffect(() => {
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) onClose();
    };
    window.addEventListener("pointerdown", outside, true);
    window.addEventListener("wheel", outside, { capture: true, passive: true });
    return () => {
      window.removeEventListener("pointerdown", outside, true);
      window.removeEventListener("wheel", outside, true);
    };
  }, [onClose]);

  const onKey = (event: KeyboardEvent) => {
    const buttons = [...(box.current?.querySelectorAll("button") ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (event.key === "Escape" || event.key === "Tab") onClose();
    else if (event.key === "ArrowDown") buttons[(at + 1) % buttons.length]?.focus();
    else if (event.key === "ArrowUp") buttons[(at - 1 + buttons.length) % buttons.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="menu context-menu" role="menu" ref={box} onKeyDown={onKey}>
      {items.map((item) => (
        <button
          type="button"
          role="menuitem"
          key={item.label}
          onClick={() => {
            onClose();
            item.run();
          }}
        >
          {item.label}
        </button>
      ))}
    </div>
  );
}
