import { useState } from "preact/hooks";
import { PRESETS, formatTime, isRelative, parseTime, rangeLabel, resolveRange } from "../state/time.ts";
import { Popover } from "../ui/popover.tsx";

interface Props {
  from: string;
  until: string;
  onChange(from: string, until: string): void;
}

/** Digits as people read them; expressions as they are. */
function editable(text: string): string {
  const ms = isRelative(text) ? undefined : parseTime(text, 0);
  return ms === undefined ? text : formatTime(ms);
}

function CustomRange({ from, until, onChange, close }: Props & { close(): void }) {
  const [draft, setDraft] = useState({ from: editable(from), until: editable(until) });
  const [problem, setProblem] = useState("");
  const apply = (event: Event) => {
    event.preventDefault();
    const range = resolveRange(draft.from, draft.until, Date.now());
    if (typeof range === "string") return setProblem(range);
    // Fixed times travel as milliseconds: the same moment for readers in other time zones.
    const fixed = (text: string, ms: number) => (isRelative(text) ? text.trim() : String(ms));
    close();
    onChange(fixed(draft.from, range.start), fixed(draft.until, range.end));
  };
  return (
    <form class="custom-range" onSubmit={apply}>
      <label class="field">
        From
        <input
          value={draft.from}
          spellcheck={false}
          onInput={(event) => setDraft({ ...draft, from: event.currentTarget.value })}
        />
      </label>
      <label class="field">
        To
        <input
          value={draft.until}
          spellcheck={false}
          onInput={(event) => setDraft({ ...draft, until: event.currentTarget.value })}
        />
      </label>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <p class="hint">now-90m · 2026-01-31 14:05 · unix time</p>
      <button type="submit" class="primary">
        Apply
      </button>
    </form>
  );
}

export function TimePicker(props: Props) {
  const { from, until, onChange } = props;
  const label = <span class="control-value">{rangeLabel(from, until, Date.now())}</span>;
  return (
    <Popover label={label} title="Time range" class="time-picker" align="right">
      {(close) => (
        <div class="time-box">
          <ul class="presets">
            {PRESETS.map(([value, text]) => (
              <li key={value}>
                <button
                  type="button"
                  aria-pressed={value === from && until === "now"}
                  onClick={() => {
                    close();
                    onChange(value, "now");
                  }}
                >
                  {text}
                </button>
              </li>
            ))}
          </ul>
          <CustomRange {...props} close={close} />
        </div>
      )}
    </Popover>
  );
}
