// The label selector as text. The text is the truth and is sent as typed; these functions read it to show chips and
// suggestions, and edit it in place when a picker is used. A text they cannot read is still sent: the server judges.

export const OPERATORS = ["=", "!=", "=~", "!~"] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Matcher {
  name: string;
  op: Operator;
  value: string;
  /** Where the matcher stands in the text. */
  start: number;
  end: number;
}

export interface ParsedSelector {
  matchers: Matcher[];
  /** Index after the opening brace; -1 when there is none. */
  open: number;
  /** Index of the closing brace; -1 when there is none. */
  close: number;
  ok: boolean;
}

const BARE_NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const STRING = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/y;
const SPACES = /\s*/y;

function take(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

const ESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r" };

function unquote(literal: string): string {
  const body = literal.slice(1, -1);
  return literal[0] === "`" ? body : body.replace(/\\(.)/g, (_, c: string) => ESCAPES[c] ?? c);
}

export function quote(value: string): string {
  return `"${value.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n")}"`;
}

function quoteName(name: string): string {
  return take(BARE_NAME, name, 0) === name ? name : quote(name);
}

export function parseSelector(text: string): ParsedSelector {
  const result: ParsedSelector = { matchers: [], open: -1, close: -1, ok: false };
  const brace = text.indexOf("{");
  if (brace < 0) return result;
  result.open = brace + 1;
  let at = brace + 1;
  const skip = () => (at += take(SPACES, text, at)?.length ?? 0);
  for (;;) {
    skip();
    if (text[at] === "}") {
      result.close = at;
      result.ok = text.slice(at + 1).trim() === "";
      return result;
    }
    const start = at;
    const nameText = take(STRING, text, at) ?? take(BARE_NAME, text, at);
    if (nameText === undefined) return result;
    at += nameText.length;
    skip();
    const op = OPERATORS.find((o) => o.length === 2 && text.startsWith(o, at)) ?? (text[at] === "=" ? "=" : undefined);
    if (op === undefined) return result;
    at += op.length;
    skip();
    const valueText = take(STRING, text, at);
    if (valueText === undefined) return result;
    at += valueText.length;
    const name = /^["'`]/.test(nameText) ? unquote(nameText) : nameText;
    result.matchers.push({ name, op, value: unquote(valueText), start, end: at });
    skip();
    if (text[at] === ",") at++;
    else if (text[at] !== "}") return result;
  }
}

export function formatMatcher(name: string, op: Operator, value: string): string {
  return `${quoteName(name)}${op}${quote(value)}`;
}

export function addMatcher(text: string, name: string, op: Operator, value: string): string {
  const added = formatMatcher(name, op, value);
  const parsed = parseSelector(text);
  if (!parsed.ok) return text.trim() === "" ? `{${added}}` : text;
  const body = text.slice(parsed.open, parsed.close).trimEnd();
  const separator = body.trim() === "" || body.endsWith(",") ? "" : ", ";
  return `${text.slice(0, parsed.open)}${body}${separator}${added}${text.slice(parsed.close)}`;
}

export function removeMatcher(text: string, index: number): string {
  const { matchers, ok } = parseSelector(text);
  if (!ok || !matchers[index]) return text;
  const kept = matchers.filter((_, i) => i !== index).map((m) => text.slice(m.start, m.end));
  return `${text.slice(0, text.indexOf("{"))}{${kept.join(", ")}}`;
}

/** Puts name="value" in place of the first equality on that name; in front of the others when there is none. */
export function setEqual(text: string, name: string, value: string): string {
  const { matchers, ok } = parseSelector(text);
  const wanted = formatMatcher(name, "=", value);
  if (!ok) return `{${wanted}}`;
  const found = matchers.find((m) => m.name === name && m.op === "=");
  if (found) return text.slice(0, found.start) + wanted + text.slice(found.end);
  const rest = matchers.map((m) => text.slice(m.start, m.end));
  return `${text.slice(0, text.indexOf("{"))}{${[wanted, ...rest].join(", ")}}`;
}

export function equalTo(text: string, name: string): string {
  return parseSelector(text).matchers.find((m) => m.name === name && m.op === "=")?.value ?? "";
}

/** What the cursor stands in, for suggestions. */
export interface CursorContext {
  kind: "name" | "value";
  label: string;
  prefix: string;
  /** The part of the text that a suggestion replaces. */
  start: number;
  end: number;
}

export function contextAt(text: string, cursor: number): CursorContext | undefined {
  const before = text.slice(0, cursor);
  const open = before.indexOf("{");
  if (open < 0) return undefined;
  const value = /([A-Za-z_][A-Za-z0-9_]*|"(?:[^"\\]|\\.)*")\s*(?:=~|!~|!=|=)\s*("?)((?:[^"\\]|\\.)*)$/.exec(before);
  const quotes = (before.slice(open).match(/(?<!\\)"/g) ?? []).length;
  if (value && (value[2] === "" ? value[3] === "" : quotes % 2 === 1)) {
    const start = cursor - value[3].length - value[2].length;
    const tail = /^(?:[^"\\,}]|\\.)*"?/.exec(text.slice(cursor))?.[0] ?? "";
    const label = value[1].startsWith('"') ? unquote(value[1]) : value[1];
    return { kind: "value", label, prefix: value[3], start, end: cursor + tail.length };
  }
  const name = /[{,]\s*([A-Za-z_][A-Za-z0-9_]*)?$/.exec(before);
  if (!name || quotes % 2 === 1) return undefined;
  const prefix = name[1] ?? "";
  const tail = /^[A-Za-z0-9_]*/.exec(text.slice(cursor))?.[0] ?? "";
  return { kind: "name", label: "", prefix, start: cursor - prefix.length, end: cursor + tail.length };
}
