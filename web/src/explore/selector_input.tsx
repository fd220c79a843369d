// The label selector as text, with suggestions. What stands here is what is sent, letter for letter.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { type CursorContext, contextAt, quote } from "../state/selector.ts";

export interface Suggester {
  names(signal: AbortSignal): Promise<string[]>;
  values(label: string, signal: AbortSignal): Promise<string[]>;
}

interface Props {
  draft: string;
  changed: boolean;
  suggester: Suggester;
  onDraft(text: string): void;
  onRun(): void;
}

const SUGGESTIONS_SHOWN = 12;

export function SelectorInput({ draft, changed, suggester, onDraft, onRun }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [context, setContext] = useState<CursorContext | undefined>(undefined);
  const [known, setKnown] = useState<string[]>([]);
  const [active, setActive] = useState(-1);
  const listId = useId();
  const kind = context?.kind;
  const label = context?.label ?? "";

  useEffect(() => {
    setKnown([]);
    if (!kind) return;
    const abort = new AbortController();
    const load = kind === "name" ? suggester.names(abort.signal) : suggester.values(label, abort.signal);
    // Suggestions are a courtesy: when they fail, typing goes on without.
    load.then((found) => !abort.signal.aborted && setKnown(found)).catch(() => undefined);
    return () => abort.abort();
  }, [kind, label, suggester]);

  const prefix = context?.prefix.toLowerCase() ?? "";
  const found = context
    ? known.filter((s) => s.toLowerCase().includes(prefix) && s !== context.prefix).slice(0, SUGGESTIONS_SHOWN)
    : [];
  const look = () => {
    const element = input.current;
    setActive(-1);
    setContext(element ? contextAt(element.value, element.selectionStart ?? 0) : undefined);
  };
  const take = (text: string) => {
    if (!context) return;
    const inserted = context.kind === "value" ? quote(text) : text;
    const next = draft.slice(0, context.start) + inserted + draft.slice(context.end);
    onDraft(next);
    setContext(undefined);
    const at = context.start + inserted.length;
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(at, at);
    });
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" && found.length > 0) setActive((active + 1) % found.length);
    else if (event.key === "ArrowUp" && found.length > 0) setActive((active - 1 + found.length) % found.length);
    else if (event.key === "Enter" && active >= 0 && found[active] !== undefined) take(found[active]);
    else if (event.key === "Enter") {
      setContext(undefined);
      onRun();
    } else if (event.key === "Escape" && found.length > 0) {
      event.stopPropagation();
      setContext(undefined);
    } else return;
    event.preventDefault();
  };

  return (
    <div class={`selector ${changed ? "changed" : ""}`}>
      <input
        ref={input}
        class="selector-input"
        aria-label="Label selector"
        title="Sent exactly as it stands here. Enter runs it."
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={found.length > 0}
        aria-controls={listId}
        aria-activedescendant={active >= 0 ? `${listId}-${active}` : undefined}
        placeholder='{label="value"}'
        spellcheck={false}
        autocomplete="off"
        value={draft}
        onInput={(event) => {
          onDraft(event.currentTarget.value);
          look();
        }}
        onClick={look}
        onKeyDown={onKey}
        onKeyUp={(event) => (event.key === "ArrowLeft" || event.key === "ArrowRight") && look()}
        onBlur={() => setContext(undefined)}
      />
      {found.length > 0 && (
        <ul class="suggestions" id={listId} role="listbox" aria-label="Suggestions">
          {found.map((text, i) => (
            <li
              key={text}
              id={`${listId}-${i}`}
              role="option"
              aria-selected={i === active}
              class={i === active ? "active" : ""}
              onPointerDown={(event) => {
                event.preventDefault();
                take(text);
              }}
            >
              <bdi>{text}</bdi>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
