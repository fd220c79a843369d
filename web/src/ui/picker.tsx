// A choice from a list that may be long: a popover with a filter, driven by mouse or arrow keys.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Popover } from "./popover.tsx";

export interface Choice {
  value: string;
  label: string;
  note?: string;
}

interface Props {
  title: string;
  prefix?: string;
  class?: string;
  value: string;
  shown: string;
  choices: readonly Choice[];
  empty: string;
  onOpen?(): void;
  onPick(value: string): void;
}

/** More than anyone reads; the filter reaches the rest. */
const CHOICES_SHOWN = 200;

function PickerList({ choices, value, empty, onOpen, onPick, close, title }: Props & { close(): void }) {
  const [filter, setFilter] = useState("");
  const [active, setActive] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  useLayoutEffect(() => input.current?.focus(), []);
  useEffect(() => onOpen?.(), []);
  const found = useMemo(() => {
    const wanted = filter.toLowerCase();
    return choices.filter((c) => `${c.label} ${c.note ?? ""}`.toLowerCase().includes(wanted));
  }, [choices, filter]);
  useEffect(() => setActive(Math.max(0, found.findIndex((c) => c.value === value))), [found]);
  useEffect(() => list.current?.querySelector(".active")?.scrollIntoView({ block: "nearest" }), [active, found]);
  const pick = (choice: Choice | undefined) => {
    if (!choice) return;
    close();
    onPick(choice.value);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setActive(Math.min(active + 1, found.length - 1));
    else if (event.key === "ArrowUp") setActive(Math.max(active - 1, 0));
    else if (event.key === "Enter") pick(found[active]);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        ref={input}
        class="picker-filter"
        placeholder="Filter"
        aria-label={`Filter: ${title}`}
        role="combobox"
        aria-expanded="true"
        aria-controls="picker-list"
        aria-activedescendant={found.length > 0 ? `picker-${active}` : undefined}
        value={filter}
        spellcheck={false}
        onInput={(event) => setFilter(event.currentTarget.value)}
        onKeyDown={onKey}
      />
      <ul class="picker-list" id="picker-list" role="listbox" ref={list} aria-label={title}>
        {found.slice(0, CHOICES_SHOWN).map((choice, i) => (
          <li
            key={choice.value}
            id={`picker-${i}`}
            role="option"
            aria-selected={choice.value === value}
            class={i === active ? "active" : ""}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => pick(choice)}
          >
            <bdi>{choice.label}</bdi>
            {choice.note && <span class="note">{choice.note}</span>}
          </li>
        ))}
        {found.length > CHOICES_SHOWN && <li class="more">{found.length - CHOICES_SHOWN} more: type to narrow down</li>}
        {found.length === 0 && <li class="more">{choices.length === 0 ? empty : "Nothing matches"}</li>}
      </ul>
    </>
  );
}

export function Picker(props: Props) {
  const label = (
    <>
      {props.prefix && <span class="prefix">{props.prefix}</span>}
      <bdi class="control-value">{props.shown}</bdi>
    </>
  );
  return (
    <Popover label={label} title={props.title} class={props.class} popup="listbox">
      {(close) => <PickerList {...props} close={close} />}
    </Popover>
  );
}
