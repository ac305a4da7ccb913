/** What a `.env` file sets, and the lines that set nothing although they aren't comments, counted from 1. */
export type Dotenv = { readonly variables: Readonly<Record<string, string>>; readonly badLines: readonly number[] };

/** A name, and whatever stands after its `=`. */
const assignment = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*)$/;

/**
 * Reads the text of a `.env` file: `NAME=value`, `export NAME=value`, values in single quotes as they stand, in double
 * quotes with `\n`, `\r`, `\t`, `\"` and `\\`, over several lines too, unquoted ones up to a `#` after a space.
 * Nothing is expanded, and of equal names the last counts.
 */
export function readDotenv(text: string): Dotenv {
  const variables = new Map<string, string>();
  const badLines: number[] = [];
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    if (/^\s*(?:#|$)/.test(line)) continue;
    const [name, written] = assignment.exec(line)?.slice(1) ?? [];
    const value = name === undefined || written === undefined ? undefined : readValue(written, lines.slice(at + 1));
    if (name === undefined || value === undefined) {
      badLines.push(at + 1);
      continue;
    }
    variables.set(name, value.text);
    at += value.moreLines;
  }
  return { variables: Object.fromEntries(variables), badLines };
}

/** The value that begins with `written` and how many of the `following` lines belong to it; `undefined` where a quote never ends. */
function readValue(written: string, following: readonly string[]): { text: string; moreLines: number } | undefined {
  const quote = written[0];
  if (quote !== '"' && quote !== "'") return { text: written.replace(/(?:^|\s+)#.*$/, "").trimEnd(), moreLines: 0 };
  const quoted = quote === '"' ? /^"((?:[^"\\]|\\[^])*)"\s*(?:#.*)?(?:\n|$)/ : /^'([^']*)'\s*(?:#.*)?(?:\n|$)/;
  const match = quoted.exec([written, ...following].join("\n"));
  if (match === null) return undefined;
  const inner = match[1] ?? "";
  return { text: quote === '"' ? unescape(inner) : inner, moreLines: inner.split("\n").length - 1 };
}

function unescape(inner: string): string {
  const meanings: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };
  return inner.replace(/\\([^])/g, (whole, letter: string) => meanings[letter] ?? whole);
}
