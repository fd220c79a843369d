// Dark, light, or what the system says. Kept in this browser.

import { useEffect, useState } from "preact/hooks";
import { readSetting, writeSetting } from "./storage.ts";

export type ThemeChoice = "auto" | "light" | "dark";

export function useTheme(): { choice: ThemeChoice; dark: boolean; next(): void } {
  const [choice, setChoice] = useState<ThemeChoice>(() => {
    const saved = readSetting("theme");
    return saved === "light" || saved === "dark" ? saved : "auto";
  });
  const [systemDark, setSystemDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: dark)");
    const listen = () => setSystemDark(media.matches);
    media.addEventListener("change", listen);
    return () => media.removeEventListener("change", listen);
  }, []);
  const dark = choice === "auto" ? systemDark : choice === "dark";
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  const next = () => {
    const following: ThemeChoice = choice === "auto" ? (systemDark ? "light" : "dark") : choice === "dark" ? "light" : "dark";
    // Choosing what the system has anyway goes back to following it.
    const saved = (following === "dark") === systemDark ? "auto" : following;
    writeSetting("theme", saved === "auto" ? "" : saved);
    setChoice(saved);
  };
  return { choice, dark, next };
}
