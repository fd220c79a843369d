// The explore state and the address bar are one: every change is written there, Back and Forward read it back.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type ExploreState, formatState, parseState } from "./url_state.ts";

/** push makes a step that Back undoes; replace is for typing and for defaults. */
export type Navigate = (patch: Partial<ExploreState>, how: "push" | "replace") => void;

function write(state: ExploreState, how: "push" | "replace"): void {
  // Relative: it stays under whatever path prefix the page was served from.
  const address = `./explore${formatState(state)}${location.hash}`;
  try {
    if (how === "push") history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  } catch {
    // Browsers limit how often an address may change; the state itself is not lost, the next write carries it.
  }
}

export function useExploreState(): [ExploreState, Navigate] {
  const [state, setState] = useState(() => parseState(location.search));
  const current = useRef(state);
  const navigate = useCallback<Navigate>((patch, how) => {
    const next = { ...current.current, ...patch };
    const same = formatState(next) === formatState(current.current);
    current.current = next;
    write(next, same ? "replace" : how);
    setState(next);
  }, []);
  useEffect(() => {
    // The address as it came, with what it left to defaults spelled out.
    write(current.current, "replace");
    const onBack = () => {
      current.current = parseState(location.search);
      setState(current.current);
    };
    window.addEventListener("popstate", onBack);
    return () => window.removeEventListener("popstate", onBack);
  }, []);
  return [state, navigate];
}
