// A button that opens a box below it. Escape and a press outside close it; focus goes back to the button.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

interface Props {
  label: ComponentChildren;
  title: string;
  class?: string;
  align?: "left" | "right";
  /** Type of the box for assistive technology. */
  popup?: "dialog" | "menu" | "listbox";
  children: (close: () => void) => ComponentChildren;
}

export function Popover({ label, title, class: extra = "", align = "left", popup = "dialog", children }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    window.addEventListener("pointerdown", outside, true);
    return () => window.removeEventListener("pointerdown", outside, true);
  }, [open]);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    if (!open || event.key !== "Escape") return;
    event.stopPropagation();
    close();
  };
  return (
    <div class={`popover ${extra}`} ref={root} onKeyDown={onKey}>
      <button
        type="button"
        class="control"
        ref={button}
        title={title}
        aria-label={title}
        aria-haspopup={popup}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {label}
        <span class="caret" aria-hidden="true" />
      </button>
      {open && <div class={`popover-box ${align}`}>{children(close)}</div>}
    </div>
  );
}
