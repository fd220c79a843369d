// Function names come from other people's programs. Here they are made safe to look at: control characters and
// direction overrides are spelled out, endless names are cut. They only ever reach the page as text, never as markup.

const DANGEROUS = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const LENGTH_MAX = 400;

export function displayName(name: string, max = LENGTH_MAX): string {
  const cut = name.length > max ? `${name.slice(0, max)}…` : name;
  return cut.replace(DANGEROUS, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`) || "(no name)";
}

/** Without the path before the last slash: what fits into a narrow bar. Keeps names where a slash is not a path. */
export function shortName(name: string): string {
  const paren = name.search(/[(<\s]/);
  const slash = name.lastIndexOf("/", paren < 0 ? undefined : paren);
  return slash > 0 && slash < name.length - 1 ? name.slice(slash + 1) : name;
}

/** The part that names the package or class; bars of one package share a colour. */
export function packageOf(name: string): string {
  const paren = name.search(/[(<\s]/);
  const head = paren > 0 ? name.slice(0, paren) : name;
  const slash = head.lastIndexOf("/");
  const scope = head.indexOf("::");
  if (scope > 0) return head.slice(0, scope);
  const dot = head.indexOf(".", slash + 1);
  if (dot > 0) return head.slice(0, dot);
  return slash > 0 ? head.slice(0, slash) : head;
}
