// Label, operator and value as three fields: the way to a filter without knowing the syntax.

import { useEffect, useState } from "preact/hooks";
import { OPERATORS, type Operator } from "../state/selector.ts";
import { Popover } from "../ui/popover.tsx";
import type { Suggester } from "./selector_input.tsx";

interface Props {
  suggester: Suggester;
  onAdd(name: string, op: Operator, value: string): void;
}

function FilterForm({ suggester, onAdd, close }: Props & { close(): void }) {
  const [names, setNames] = useState<string[]>([]);
  const [values, setValues] = useState<string[]>([]);
  const [name, setName] = useState("");
  const [op, setOp] = useState<Operator>("=");
  const [value, setValue] = useState("");
  useEffect(() => {
    const abort = new AbortController();
    suggester.names(abort.signal).then(setNames).catch(() => undefined);
    return () => abort.abort();
  }, [suggester]);
  useEffect(() => {
    setValues([]);
    if (!names.includes(name)) return;
    const abort = new AbortController();
    suggester.values(name, abort.signal).then(setValues).catch(() => undefined);
    return () => abort.abort();
  }, [name, names, suggester]);
  return (
    <form
      class="filter-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim() === "") return;
        close();
        onAdd(name.trim(), op, value);
      }}
    >
      <label class="field">
        Label
        <input list="filter-names" value={name} autofocus spellcheck={false} onInput={(e) => setName(e.currentTarget.value)} />
      </label>
      <label class="field op">
        Is
        <select value={op} onChange={(e) => setOp(e.currentTarget.value as Operator)}>
          {OPERATORS.map((o) => (
            <option key={o}>{o}</option>
          ))}
        </select>
      </label>
      <label class="field">
        Value
        <input list="filter-values" value={value} spellcheck={false} onInput={(e) => setValue(e.currentTarget.value)} />
      </label>
      <button type="submit" class="primary">
        Add
      </button>
      <datalist id="filter-names">
        {names.map((n) => (
          <option key={n} value={n} />
        ))}
      </datalist>
      <datalist id="filter-values">
        {values.slice(0, 500).map((v) => (
          <option key={v} value={v} />
        ))}
      </datalist>
    </form>
  );
}

export function AddFilter(props: Props) {
  return (
    <Popover label="+ Filter" title="Add a label filter" class="add-filter">
      {(close) => <FilterForm {...props} close={close} />}
    </Popover>
  );
}
