// Small settings of this browser. Storage may be switched off; then the page just forgets them.

const PREFIX = "brazier.";

export function readSetting(name: string): string {
  try {
    return localStorage.getItem(PREFIX + name) ?? "";
  } catch {
    return "";
  }
}

export function writeSetting(name: string, value: string): void {
  try {
    if (value === "") localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // Nothing to do: the setting lives as long as the page.
  }
}
