import type { ComponentChildren } from "preact";
import { REFRESH_CHOICES, type Refresh } from "../state/url_state.ts";
import { TimePicker } from "./time_picker.tsx";

interface Props {
  from: string;
  until: string;
  refresh: Refresh;
  busy: boolean;
  dark: boolean;
  tenant: string;
  onTime(from: string, until: string): void;
  onShift(direction: -1 | 1): void;
  onRefresh(): void;
  onRefreshEvery(refresh: Refresh): void;
  onTheme(): void;
  onTenant(): void;
  onHelp(): void;
  /** The export menu. */
  children: ComponentChildren;
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
      <rect x="1" y="11" width="14" height="3" rx=".6" fill="#c2410c" />
      <rect x="2" y="7" width="9" height="3" rx=".6" fill="#ea580c" />
      <rect x="4" y="3" width="5" height="3" rx=".6" fill="#fb923c" />
    </svg>
  );
}

export function TopBar(props: Props) {
  return (
    <header class="top-bar">
      <h1>
        <Mark />
        Brazier
      </h1>
      <span class="page-name">Explore</span>
      <span class="spring" />
      <div class="group">
        <button type="button" class="control icon" aria-label="Earlier" title="One range earlier" onClick={() => props.onShift(-1)}>
          ‹
        </button>
        <TimePicker from={props.from} until={props.until} onChange={props.onTime} />
        <button type="button" class="control icon" aria-label="Later" title="One range later" onClick={() => props.onShift(1)}>
          ›
        </button>
      </div>
      <div class="group">
        <button type="button" class={props.busy ? "control busy" : "control"} title="Refresh (r)" onClick={props.onRefresh}>
          Refresh
        </button>
        <select
          class="control"
          aria-label="Refresh by itself"
          title="Refresh by itself"
          value={props.refresh}
          onChange={(event) => props.onRefreshEvery(event.currentTarget.value as Refresh)}
        >
          {REFRESH_CHOICES.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      </div>
      {props.children}
      <button type="button" class="control" title="Tenant" onClick={props.onTenant}>
        <bdi class="control-value">{props.tenant || "Tenant"}</bdi>
      </button>
      <button type="button" class="control icon" aria-label={props.dark ? "Light theme" : "Dark theme"} title="Theme" onClick={props.onTheme}>
        {props.dark ? "☀" : "☾"}
      </button>
      <button type="button" class="control icon" aria-label="Keys and gestures" title="Keys and gestures (?)" onClick={props.onHelp}>
        ?
      </button>
    </header>
  );
}
