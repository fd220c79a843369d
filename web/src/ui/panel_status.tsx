// What a panel says about its query: a bar while it runs, a banner when it failed. Neither hides the old data.

import { adviceFor } from "../api/errors.ts";
import type { Query } from "../state/use_query.ts";

export function PanelStatus({ query, what }: { query: Query<unknown>; what: string }) {
  const { error, slow, loading } = query;
  return (
    <>
      {slow && (
        <div class="progress" role="progressbar" aria-label={`Loading ${what}`}>
          <span class="progress-bar" />
          <button type="button" class="small" onClick={query.cancel}>
            Cancel
          </button>
        </div>
      )}
      {error && !slow && (
        <div class="banner error" role="alert">
          <strong>{what} failed.</strong> <span class="banner-message">{error.message}</span>{" "}
          <span class="advice">{adviceFor(error)}</span>
          <code>{error.code}</code>
          {error.requestId && (
            <span>
              request <code>{error.requestId}</code>
            </span>
          )}
          <button type="button" class="small" onClick={query.retry} disabled={loading}>
            Retry
          </button>
        </div>
      )}
    </>
  );
}
