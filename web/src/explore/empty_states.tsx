// What the page says when there is nothing to draw, and the next step from there.

import { useState } from "preact/hooks";
import { copyText } from "../export/download.ts";

/** A push that works as pasted, against the server that sent this page. */
export function pushExample(base: string, tenant: string): string {
  const header = tenant ? `-H 'X-Scope-OrgID: ${tenant.replace(/'/g, "'\\''")}' ` : "";
  const address = `${base}ingest?name=hello.cpu&from=now-10s&until=now&format=folded`;
  return `printf 'main;work;inner 42\\nmain;idle 8\\n' | curl ${header}--data-binary @- "${address}"`;
}

export function EmptyServer({ tenant }: { tenant: string }) {
  const [copied, setCopied] = useState(false);
  const example = pushExample(new URL(".", location.href).href, tenant);
  return (
    <section class="empty" aria-label="No profiles yet">
      <h2>No profiles yet</h2>
      <p>
        Nothing arrived in the last 24 hours{tenant ? ` for tenant ${tenant}` : ""}. This pushes a small CPU profile of
        a service named <code>hello</code>:
      </p>
      <div class="example">
        <pre data-testid="push-example">{example}</pre>
        <button
          type="button"
          class="control small"
          onClick={async () => setCopied(await copyText(example))}
          aria-live="polite"
        >
          {copied ? "Copied" : "Copy"}
        </button>
      </div>
      <p>Agents and SDKs that speak the Pyroscope push API take this address as their server:</p>
      <pre class="address">{new URL(".", location.href).href}</pre>
      <p class="note">
        <span class="pulse" aria-hidden="true" /> Looking again every 5 seconds.
      </p>
    </section>
  );
}

export function EmptyRange({ range, onLastDay }: { range: string; onLastDay(): void }) {
  return (
    <section class="empty" aria-label="Nothing in this range">
      <h2>Nothing in this range</h2>
      <p>No service sent a profile in: {range}. There are some within the last 24 hours.</p>
      <p class="actions">
        <button type="button" class="primary" onClick={onLastDay}>
          Look at the last 24 hours
        </button>
      </p>
    </section>
  );
}

interface EmptyResultProps {
  type: string;
  selector: string;
  range: string;
  onLastDay(): void;
  onDropFilters(): void;
}

export function EmptyResult({ type, selector, range, onLastDay, onDropFilters }: EmptyResultProps) {
  return (
    <section class="empty" aria-label="No samples">
      <h2>No samples match</h2>
      <dl class="effective">
        <dt>Profile type</dt>
        <dd>
          <code>{type}</code>
        </dd>
        <dt>Selector</dt>
        <dd>
          <code>{selector}</code>
        </dd>
        <dt>Range</dt>
        <dd>{range}</dd>
      </dl>
      <p class="actions">
        <button type="button" class="control" onClick={onLastDay}>
          Look at the last 24 hours
        </button>
        <button type="button" class="control" onClick={onDropFilters}>
          Keep only the service
        </button>
      </p>
    </section>
  );
}

export function AskBeforeRun({ onRun }: { onRun(): void }) {
  return (
    <section class="empty" aria-label="Large query">
      <h2>More than a day of every service</h2>
      <p>This can be slow. Choose a service or a shorter range, or run it anyway.</p>
      <p class="actions">
        <button type="button" class="primary" onClick={onRun}>
          Run anyway
        </button>
      </p>
    </section>
  );
}
