// One panel's question to the server, as a hook.
//
// A new key aborts the call of the old one, so the newest question wins whatever order answers arrive in. Old data
// stays until new data is there. A server that cannot be reached is asked again, 2 s later at first, 30 s at most.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../api/errors.ts";

const SLOW_AFTER_MS = 150;
const RETRY_FIRST_MS = 2_000;
const RETRY_MAX_MS = 30_000;

export interface Query<T> {
  data: T | undefined;
  /** The key that `data` answers. */
  dataKey: string;
  error: ApiError | undefined;
  loading: boolean;
  /** Loading for long enough to show it. */
  slow: boolean;
  retry(): void;
  cancel(): void;
}

function asApiError(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause;
  return new ApiError("internal", cause instanceof Error ? cause.message : String(cause), -1, "");
}

/** An empty key asks nothing and keeps what is there. */
export function useQuery<T>(key: string, run: (signal: AbortSignal) => Promise<T>): Query<T> {
  const [state, setState] = useState<{ data?: T; dataKey: string; error?: ApiError }>({ dataKey: "" });
  const [phase, setPhase] = useState<"idle" | "loading" | "slow">("idle");
  const [attempt, setAttempt] = useState(0);
  const abort = useRef<AbortController>(undefined);
  const failures = useRef(0);
  const latestRun = useRef(run);
  latestRun.current = run;

  useEffect(() => {
    if (key === "") return;
    const controller = new AbortController();
    abort.current = controller;
    setPhase("loading");
    const slow = setTimeout(() => setPhase("slow"), SLOW_AFTER_MS);
    let again: ReturnType<typeof setTimeout> | undefined;
    latestRun.current(controller.signal).then(
      (data) => {
        if (controller.signal.aborted) return;
        failures.current = 0;
        clearTimeout(slow);
        setState({ data, dataKey: key });
        setPhase("idle");
      },
      (cause: unknown) => {
        if (controller.signal.aborted) return;
        clearTimeout(slow);
        const error = asApiError(cause);
        setState((old) => ({ ...old, error }));
        setPhase("idle");
        if (error.unreachable) {
          const wait = Math.min(RETRY_FIRST_MS * 2 ** failures.current++, RETRY_MAX_MS);
          again = setTimeout(() => setAttempt((n) => n + 1), wait);
        }
      },
    );
    return () => {
      controller.abort();
      clearTimeout(slow);
      clearTimeout(again);
    };
  }, [key, attempt]);

  const retry = useCallback(() => setAttempt((n) => n + 1), []);
  const cancel = useCallback(() => {
    abort.current?.abort();
    setPhase("idle");
  }, []);
  return {
    data: state.data,
    dataKey: state.dataKey,
    error: state.error,
    loading: phase !== "idle",
    slow: phase === "slow",
    retry,
    cancel,
  };
}
